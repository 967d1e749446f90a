"""A script: who is in this video, as it becomes known.   python verify_script.py VIDEO"""

import sys
from pathlib import Path

from engine import Verifier
from engine.capture.video import VideoFile


def main(video: Path, **options) -> None:
    with Verifier.open(target_fmr=1e-2, **options) as verifier:
        for identity in verifier.events(VideoFile(video).frames()):
            print(f"{identity.t:6.2f} s  {identity.decision}  {identity.name or ''}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
