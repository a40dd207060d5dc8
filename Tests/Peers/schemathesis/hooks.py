"""What schemathesis cannot know of this API: bytes that are audio."""
import io
import wave

import schemathesis
from hypothesis import strategies


def tone(frames):
    """A WAVE file of so many frames at 8 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(int(8000 * ((n % 40) / 20 - 1)).to_bytes(2, "little", signed=True)
                                  for n in range(frames)))
    return out.getvalue()


# Half of the files are songs of a tenth of a second, the others anything.
schemathesis.openapi.format(
    "binary", strategies.one_of(strategies.just(tone(800)), strategies.binary(max_size=512)))
