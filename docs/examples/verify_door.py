"""A door: it opens for who is enrolled, once, as soon as that is sure.   python verify_door.py"""

from collections.abc import Callable, Iterable

from engine import Verifier
from engine.verify.camera import frames


def guard(verifier: Verifier, pictures: Iterable, unlock: Callable[[], None]) -> None:
    @verifier.on("match")
    def welcome(identity):
        print(f"open for {identity.name}")
        unlock()  # on a Raspberry Pi: gpiozero.LED(17).blink(on_time=3, n=1)

    for picture in pictures:
        verifier.push(picture)


if __name__ == "__main__":
    guard(Verifier.open(target_fmr=1e-4), frames("0"), unlock=lambda: print("click"))
