"""A notary who vouches for somebody without a camera, and who can be told to cheat."""

import json
import time

from engine.types import Evidence
from engine.verify.claims import ClaimsConfig, Notary
from engine.verify.fusion import Fusion, FusionConfig
from engine.verify.keys import new_keys

ACCEPT = 6.9  # nats
MODELS = {"sphereface2": "ab" * 32}


def seen(name="Anna"):
    """A fusion that has seen this person, and forgets nobody for an hour."""
    now = time.monotonic()
    fusion = Fusion(FusionConfig(forget=3600.0), ACCEPT)
    fusion.push(Evidence(now, 1, "face", 9.0))
    fusion.push(Evidence(now, 1, "voice", 0.5))
    fusion.see(now, 1, name)
    return fusion


def notary(keys, fusion=None, now=time.monotonic, **options):
    return Notary(ClaimsConfig(issue=True, **options), keys, fusion or seen(), now, 1e-3, MODELS)


class Forger:
    """Gives each connection what `mode` says; "true" is the owner's own claim."""

    def __init__(self, keys, folder):
        self.true = notary(keys, every=0.5, lifetime=5.0)
        self.thief = notary(new_keys(folder / "thief" / "key"), every=0.5)
        self.mode = "true"
        self.given = []  # claims that were told, as they were
        self.others = ("AB:" * 31 + "AB", "CD:" * 31 + "CD")

    def attend(self, engine, viewer):
        honest, thief = self.true.attend(engine, viewer), self.thief.attend(engine, viewer)
        elsewhere = self.true.attend(*self.others)
        halves = [
            self.true.attend(engine, self.others[1]),
            self.true.attend(self.others[0], viewer),
        ]

        def news():
            match self.mode:
                case "another key":
                    return thief()
                case "another stream":
                    return elsewhere()
                case "another viewer" | "another engine":
                    return halves[self.mode.endswith("engine")]()
                case "nothing":
                    return None
                case "replay" | "replay after disconnect":
                    return self.given[0]
            if (told := honest()) is None or "body" not in told:
                return told
            if self.mode == "true":
                self.given.append(told)
            return self.changed(told)

        return news

    def changed(self, told):
        body = json.loads(told["body"])
        match self.mode:
            case "stale":
                past = {k: body[k] - 3600 for k in ("issued", "expires", "since")}
                return self.true.sign(body | past)
            case "from the future":
                return self.true.sign(body | {"issued": time.time() + 3600,
                                              "expires": time.time() + 3605})  # fmt: skip
            case "lasts a year":
                return self.true.sign(body | {"expires": time.time() + 3e7})
            case "edited":
                return told | {"body": told["body"].replace("Anna", "Bert")}
            case "own key beside it":
                return told | {"key": self.thief.keys.public}
            case "no claim":
                return {"body": "[]", "signature": "?", "key": 7}
            case "forged rotation":
                link = self.thief.keys.chain[0] | {"by": told["key"]}
                return self.thief.sign(body) | {"rotations": [link]}
        return told
