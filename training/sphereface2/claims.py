"""The papers' claims, as what is trained and what must come out. A new claim is one entry."""

from functools import partial

from . import claim_pictures as draw
from .digits import digits
from .verdicts import Claim, Compared, Variant

NOW = "losses.options.annealing=[100.0, 0.05, 2.0, 0.0]"  # from cosine to psi within some 600 steps
OFF = "losses.options.annealing=[0.0, 0.0, 0.0, 0.0]"
HARD = ("losses.options.norm=HFN", "losses.options.s=30.0", "losses.options.lw=30.0")
RATES = ("eer", "tar at 1e-2", "tar at 1e-3", "right")


def m(value: float) -> str:
    return f"losses.options.m={float(value)}"


def loss(name: str, *more: str) -> tuple[str, ...]:
    return (f"loss={name}", *more)


def two(kind: str = "C", *more: str) -> tuple[str, ...]:
    """SphereFace2 as it is used for few people: a smaller margin and scale than on millions."""
    kinds = {"C": 0.2, "A": 0.3, "M": 1.3}
    usual = (f"losses.options.kind={kind}", m(kinds[kind]), "losses.options.r=30.0",
             "losses.options.lw=30.0")  # fmt: skip
    return loss("sphereface2", *usual, *more)


SOFTMAX = Variant("softmax", loss("softmax"))
ARCFACE = Variant("ArcFace m=0.3", loss("arcface", m(0.3)))
COSFACE = Variant("CosFace m=0.2", loss("cosface", m(0.2)))
SPHEREFACE2 = Variant("SphereFace2 C", two())


def revived(version: str, margin: float, *more: str) -> tuple[str, ...]:
    return loss("sphereface-r", f"losses.options.version={version}", m(margin), *HARD, *more)


LOSSES = (
    SOFTMAX,
    Variant("L-Softmax m=2", loss("l-softmax", m(2), NOW)),
    Variant("SphereFace m=3", loss("sphereface", m(3), NOW)),
    Variant("SphereFace-R v0", revived("v0", 1.3)),
    Variant("SphereFace-R v1", revived("v1", 1.3)),
    Variant("SphereFace-R v2", revived("v2", 1.3)),
    SPHEREFACE2,
    Variant("SphereFace2 A", two("A")),
    Variant("SphereFace2 M", two("M")),
    COSFACE,
    ARCFACE,
)

STEEP = (1.2, 1.5, 2.0, 2.5, 3.0, 4.0)


def _stable(margin: float, detach: bool) -> Variant:
    word = "detached" if detach else "not detached"
    switch = f"losses.options.detach={str(detach).lower()}"
    return Variant(f"m={margin:g} {word}", revived("v0", margin, switch))


def _angular(margin: int) -> Variant:
    return Variant(f"m={margin}", loss("sphereface", m(margin), NOW))


def _sphere(margin: int) -> Variant:
    few = ("sizes.dim=3", "data.most=8")
    return Variant(f"sphere m={margin}", loss("sphereface", m(margin), NOW, *few), seeds=1)


def _digits(name: str, kind: str, margin: int | None) -> Variant:
    return Variant(name, special=partial(digits, kind, margin), key=f"digits-{kind}-{margin}")


def _large(margin: int) -> Variant:
    return Variant(f"faces m={margin}", loss("l-softmax", m(margin), NOW))


def _tail(share: float) -> Variant:
    return Variant(f"tail cut by {100 * share:.0f} %", loss("softmax", f"data.cut_tail={share}"))


def _noisy(v: Variant) -> Variant:
    return Variant(f"{v.name}, 60 % noise", (*v.sets, "data.noise=0.6"))


PEOPLE = ("data.sampler=people", "data.each=4")
RANGE = ("losses.range.intra=5e-4", "losses.range.inter=1e-3", "losses.range.margin=400.0")
TAKEN = {
    "lambda = 0.5": two("C", "losses.options.lam=0.5"),
    "r = 1": two("C", "losses.options.r=1.0", "losses.options.lw=1.0"),
    "m = 0": two("C", m(0)),
    "no g (t = 1)": two("C", "losses.options.t=1.0"),
    "g in the gradient": two("C", "losses.options.gradient=paper"),
    "b = 0 at the start": two("C", "losses.options.bias=0.0"),
}

TAUGHT = {  # by dlib's embeddings of the same pictures, beside the loss or nearly alone
    "and a teacher": two("C", "losses.teach=10.0"),
    "mostly a teacher": two("C", "losses.teach=10.0", "losses.margin=0.01"),
}

CLAIMS = {
    c.name: c
    for c in (
        Claim(
            "losses", "All losses, alike: SphereFace2 is at least as good as every other",
            LOSSES, RATES,
            tuple(Compared("as good, to half a point", "SphereFace2 C", v.name, "eer", True, 0.005)
                  for v in LOSSES if v.name != "SphereFace2 C"),
            draw.losses,
        ),
        Claim(
            "sphereface-r", "SphereFace-R: detached gradients keep large margins stable",
            (*(_stable(k, d) for k in STEEP for d in (True, False)),
             Variant("SphereFace m=4, no annealing", loss("sphereface", m(4), OFF))),
            ("diverged", "eer", "right"),
            (*(Compared("detached learns more", f"m={k:g} detached", f"m={k:g} not detached",
                        "right")
               for k in STEEP),
             Compared("fewer diverge than without annealing", "m=4 detached",
                      "SphereFace m=4, no annealing", "diverged", True)),
            draw.sphereface_r,
        ),
        Claim(
            "sphereface", "SphereFace: larger m, smaller intra- and larger inter-class angles",
            (*map(_angular, (1, 2, 3, 4)), *map(_sphere, (1, 2, 3, 4))),
            ("widest", "nearest", "met", "eer"),
            tuple(Compared("more people meet the criterion", f"m={k}", "m=1", "met")
                  for k in (2, 3, 4)),
            draw.sphereface,
        ),
        Claim(
            "sphereface2", "SphereFace2: each of its parts helps; labels may be wrong",
            (SPHEREFACE2, *(Variant(n, s) for n, s in TAKEN.items()),
             *map(_noisy, (SPHEREFACE2, SOFTMAX, COSFACE, ARCFACE))),
            ("eer", "tar at 1e-2", "seen eer", "seen tar at 1e-2"),
            (*(Compared("the whole beats", "SphereFace2 C", n, "eer", True) for n in TAKEN),
             *(Compared("with 60 % of labels wrong it beats", "SphereFace2 C, 60 % noise",
                        f"{v.name}, 60 % noise", "eer", True)
               for v in (SOFTMAX, COSFACE, ARCFACE))),
            draw.sphereface2,
        ),
        Claim(
            "l-softmax", "L-Softmax: a smaller gap between train and test, tighter classes",
            (_digits("digits softmax", "softmax", None),
             *(_digits(f"digits m={k}", "l-softmax", k) for k in (1, 2, 3, 4)),
             Variant("faces softmax", loss("softmax")), *map(_large, (1, 2, 3, 4))),
            ("test error", "gap", "intra", "inter", "eer", "seen eer"),
            (*(Compared("smaller test error", f"digits m={k}", "digits softmax", "test error", True)
               for k in (2, 3, 4)),
             *(Compared("tighter classes", f"digits m={k}", "digits softmax", "intra", True)
               for k in (2, 3, 4)),
             *(Compared("smaller error on unseen people", f"faces m={k}", "faces softmax", "eer",
                        True)
               for k in (2, 3, 4))),
            draw.l_softmax,
        ),
        Claim(
            "range", "Range loss: the long tail can be kept",
            (SOFTMAX, *map(_tail, (0.2, 0.5, 0.7)),
             Variant("softmax, people sampler", loss("softmax", *PEOPLE)),
             Variant("range loss", loss("softmax", *PEOPLE, *RANGE))),
            ("eer", "tar at 1e-2", "head tar at 1e-2", "tail tar at 1e-2"),
            (*(Compared("the whole tail with range loss beats", "range loss", n, "eer", True)
               for n in ("softmax", "softmax, people sampler", "tail cut by 20 %",
                         "tail cut by 50 %", "tail cut by 70 %")),),
            draw.ranges,
        ),
        Claim(
            "teacher", "An embedding teacher beside the loss",
            (SPHEREFACE2, *(Variant(f"SphereFace2 C, {n}", s) for n, s in TAUGHT.items())),
            RATES,
            tuple(Compared("it beats no teacher", f"SphereFace2 C, {n}", "SphereFace2 C", "eer",
                           True) for n in TAUGHT),
            draw.teacher,
        ),
    )
}  # fmt: skip
