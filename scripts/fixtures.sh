#!/usr/bin/env bash
# Makes .build/fixtures/stempeg/{drums,bass,other,vocals,mix}.wav, 44.1 kHz stereo 32-bit float, from the example
# track in the pip package stempeg. `mix` is the sum of the four stems: the input of the separation scores.
set -euo pipefail

readonly release=0.2.6
readonly wheel=stempeg-$release-py3-none-any.whl
readonly wheel_sha256=aa5d5dcdfba10abf0c76b502c00808a6dedd86a14e64b298615249294e522bee
readonly track='stempeg/data/The Easton Ellises - Falcon 69.stem.mp4'

root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.build/fixtures/stempeg
if [[ -f $target/mix.wav ]]; then
    exit 0
fi

mkdir -p "$root/.build/fixtures"
work=$(mktemp -d "$root/.build/fixtures/making.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "fixtures: fetching stempeg $release"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "stempeg==$release"
echo "$wheel_sha256  $work/$wheel" | sha256sum --check --quiet
python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    "$work/$wheel" "$track" >"$work/track.mp4"

# The streams of a stem.mp4: the label's mix, drums, bass, other, vocals. Its mix is not the sum of its stems.
mkdir "$work/stempeg"
ffmpeg -nostdin -v error -i "$work/track.mp4" \
    -filter_complex '[0:1][0:2][0:3][0:4]amix=inputs=4:normalize=0[mix]' \
    -map 0:1 -c:a pcm_f32le "$work/stempeg/drums.wav" \
    -map 0:2 -c:a pcm_f32le "$work/stempeg/bass.wav" \
    -map 0:3 -c:a pcm_f32le "$work/stempeg/other.wav" \
    -map 0:4 -c:a pcm_f32le "$work/stempeg/vocals.wav" \
    -map '[mix]' -c:a pcm_f32le "$work/stempeg/mix.wav"
rm -rf "$target"
mv "$work/stempeg" "$target"
echo "fixtures: wrote $target"
