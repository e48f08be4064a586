"""Videos by other writers than PyAV: the programs of ffmpeg, MKVToolNix, GStreamer, GPAC, Bento4 and of the makers of codecs.

Each recipe is a few commands that read numbered frames (`FRAMES`, y4m; `RAW`, without a header) or earlier outputs and write
`OUT`. The programs are looked up when a recipe is run; none is needed otherwise.
"""

# H x W pixels

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.fixtures import media

HEIGHT, WIDTH = 96, 128
FPS = 25
N_FRAMES = 50
COMMAND_SECONDS = 120

FFMPEG = "ffmpeg -nostdin -y -v error -i FRAMES -pix_fmt yuv420p"
H264 = f"{FFMPEG} -c:v libx264 -crf 12 -g 12 -bf 2"
HEVC = f"{FFMPEG} -c:v libx265 -crf 12 -tag:v hvc1 -x265-params log-level=none:keyint=12:pools=none"
MPEG2 = f"{FFMPEG} -c:v mpeg2video -q:v 2 -g 12 -bf 2"
MPEG4 = f"{FFMPEG} -c:v mpeg4 -q:v 2 -g 12 -bf 2"
COPY = "ffmpeg -nostdin -y -v error"
GST = f"gst-launch-1.0 -q filesrc location=RAW ! rawvideoparse width={WIDTH} height={HEIGHT} format=i420 framerate={FPS}/1 !"
GST_H264 = f"{GST} x264enc key-int-max=12 bframes=2 quantizer=12 pass=quant ! h264parse !"
ELEMENTARY = f"{H264} -f h264 stream.h264"
PLAIN_MP4 = f"{H264} plain.mp4"

RECIPES: dict[str, list[str]] = {
    # ffmpeg: mp4 and its kin
    "ffmpeg-faststart.mp4": [f"{H264} -movflags +faststart OUT"],
    "ffmpeg-fragmented.mp4": [f"{H264} -movflags +frag_keyframe+empty_moov+default_base_moof OUT"],
    "ffmpeg-fragment-per-frame.mp4": [f"{H264} -movflags +frag_every_frame+empty_moov OUT"],
    "ffmpeg-dash.mp4": [f"{H264} -movflags +dash+global_sidx -frag_duration 400000 OUT"],
    "ffmpeg-cmaf.mp4": [f"{H264} -movflags +cmaf+frag_keyframe OUT"],
    "ffmpeg-hybrid-negative-offsets.mp4": [f"{H264} -movflags +negative_cts_offsets OUT"],
    "ffmpeg-no-edit-list.mp4": [f"{H264} -use_editlist 0 OUT"],
    "ffmpeg-time-code.mov": [f"{H264} -timecode 01:00:00:00 OUT"],
    "ffmpeg-audio-longer.mp4": [f"{H264} video.mp4", f"{COPY} -i video.mp4 -f lavfi -i sine=d=6 -c:v copy OUT"],
    "ffmpeg-audio-longer.mkv": [f"{H264} video.mp4", f"{COPY} -i video.mp4 -f lavfi -i sine=d=6 -c:v copy OUT"],
    "ffmpeg-hevc.mov": [f"{HEVC} OUT"],
    "ffmpeg-smooth-streaming.ismv": [f"{H264} -f ismv OUT"],
    "ffmpeg.3g2": [f"{FFMPEG} -c:v h263 -s 128x96 -q:v 2 OUT"],
    "ffmpeg.f4v": [f"{H264} -f f4v OUT"],
    "ffmpeg-mjpeg.mov": [f"{FFMPEG} -c:v mjpeg -q:v 2 OUT"],
    "ffmpeg-prores.mov": [f"{COPY} -i FRAMES -c:v prores_ks -profile:v 1 OUT"],
    "ffmpeg-png.mov": [f"{COPY} -i FRAMES -c:v png OUT"],
    "ffmpeg-dnxhr.mov": [f"{COPY} -i FRAMES -s 256x192 -c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p OUT"],
    "ffmpeg-av1.mp4": [f"{FFMPEG} -c:v libaom-av1 -crf 20 -cpu-used 8 -g 12 OUT"],
    "ffmpeg-intra-refresh.mp4": [f"{H264} -x264-params intra-refresh=1 OUT"],
    "ffmpeg-slices.mp4": [f"{H264} -slices 4 OUT"],
    "ffmpeg-interlaced.mp4": [f"{H264} -flags +ilme+ildct -x264-params tff=1 OUT"],
    # ffmpeg: Matroska and WebM
    "ffmpeg.mkv": [f"{H264} OUT"],
    "ffmpeg-live.mkv": [f"{H264} -live 1 OUT"],
    "ffmpeg-index-in-front.mkv": [f"{H264} -reserve_index_space 5000 OUT"],
    "ffmpeg-small-clusters.mkv": [f"{HEVC} -cluster_time_limit 100 OUT"],
    "ffmpeg-no-checksums.mkv": [f"{H264} -write_crc32 0 OUT"],
    "ffmpeg-ffv1.mkv": [f"{FFMPEG} -c:v ffv1 -level 3 -slices 4 -slicecrc 1 OUT"],
    "ffmpeg-mpeg4.mkv": [f"{MPEG4} OUT"],
    "ffmpeg-vp8-hidden-frames.webm": [f"{FFMPEG} -c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -crf 8 -b:v 1M OUT"],
    "ffmpeg-vp9.webm": [f"{FFMPEG} -c:v libvpx-vp9 -crf 15 -b:v 0 -cpu-used 6 -auto-alt-ref 1 -lag-in-frames 16 OUT"],
    "ffmpeg-dash.webm": [f"{FFMPEG} -c:v libvpx-vp9 -crf 15 -b:v 0 -cpu-used 6 -dash 1 OUT"],
    # ffmpeg: MPEG
    "ffmpeg.ts": [f"{H264} OUT"],
    "ffmpeg-padded.ts": [f"{H264} -muxrate 3M OUT"],
    "ffmpeg-blu-ray.m2ts": [f"{H264} -mpegts_m2ts_mode 1 OUT"],
    "ffmpeg-hevc.ts": [f"{HEVC} OUT"],
    "ffmpeg-mpeg2.ts": [f"{MPEG2} OUT"],
    "ffmpeg.vob": [f"{MPEG2} -f vob OUT"],
    "ffmpeg-dvd.mpg": [f"{MPEG2} -f dvd OUT"],
    "ffmpeg-svcd.mpg": [f"{MPEG2} -f svcd OUT"],
    "ffmpeg-vcd.mpg": [f"{FFMPEG} -c:v mpeg1video -q:v 2 -g 12 -bf 2 -f vcd OUT"],
    "ffmpeg-h264.mpg": [f"{H264} -f vob OUT"],
    # ffmpeg: older ones
    "ffmpeg-xvid.avi": [f"{MPEG4} -vtag XVID OUT"],
    "ffmpeg-packed.avi": [f"{MPEG4} -vtag DIVX -f avi OUT"],
    "ffmpeg-h264.avi": [f"{H264} OUT"],
    "ffmpeg-huffyuv.avi": [f"{COPY} -i FRAMES -c:v huffyuv OUT"],
    "ffmpeg-uncompressed.avi": [f"{COPY} -i FRAMES -c:v rawvideo OUT"],
    "ffmpeg-mjpeg.avi": [f"{FFMPEG} -c:v mjpeg -q:v 2 OUT"],
    "ffmpeg-without-metadata.flv": [f"{H264} -flvflags no_metadata OUT"],
    "ffmpeg-without-duration.flv": [f"{H264} -flvflags no_duration_filesize OUT"],
    "ffmpeg-key-index.flv": [f"{H264} -flvflags add_keyframe_index OUT"],
    "ffmpeg-wmv1.wmv": [f"{FFMPEG} -c:v wmv1 -q:v 2 OUT"],
    "ffmpeg-live.asf": [f"{FFMPEG} -c:v wmv2 -q:v 2 -packet_size 1000 OUT"],
    "ffmpeg-theora.ogv": [f"{FFMPEG} -c:v libtheora -q:v 10 -g 12 OUT"],
    "ffmpeg.gif": [f"{COPY} -i FRAMES OUT"],
    # ffmpeg: cut, joined and remuxed without encoding again
    "ffmpeg-cut.mp4": [PLAIN_MP4, f"{COPY} -ss 0.9 -i plain.mp4 -t 0.8 -c copy OUT"],
    "ffmpeg-cut.mkv": [PLAIN_MP4, f"{COPY} -ss 0.9 -i plain.mp4 -t 0.8 -c copy OUT"],
    "ffmpeg-cut.ts": [PLAIN_MP4, f"{COPY} -ss 0.9 -i plain.mp4 -t 0.8 -c copy OUT"],
    "ffmpeg-cut.mov": [f"{HEVC} plain.mp4", f"{COPY} -ss 0.9 -i plain.mp4 -t 0.8 -c copy -tag:v hvc1 OUT"],
    "ffmpeg-cut-late.mkv": [PLAIN_MP4, f"{COPY} -i plain.mp4 -ss 0.9 -c copy OUT"],
    "ffmpeg-cut-copyts.mkv": [PLAIN_MP4, f"{COPY} -copyts -ss 0.9 -i plain.mp4 -c copy OUT"],
    "ffmpeg-cut.avi": [f"{MPEG4} plain.avi", f"{COPY} -ss 0.9 -i plain.avi -t 0.8 -c copy OUT"],
    "ffmpeg-cut.mpg": [f"{MPEG2} plain.mpg", f"{COPY} -ss 0.9 -i plain.mpg -t 0.8 -c copy OUT"],
    "ffmpeg-cut.flv": [f"{H264} plain.flv", f"{COPY} -ss 0.9 -i plain.flv -c copy OUT"],
    "ffmpeg-segment.ts": [f"{H264} -f segment -segment_time 0.9 part%d.ts", "mv part1.ts OUT"],
    "ffmpeg-segment.mp4": [f"{H264} -f segment -segment_time 0.9 -reset_timestamps 1 part%d.mp4", "mv part1.mp4 OUT"],
    "ffmpeg-joined-segments.ts": [f"{H264} -f hls -hls_time 0.5 -hls_segment_filename part%d.ts x.m3u8", "join part OUT"],
    "ffmpeg-elementary-to.mp4": [f"{H264} -bf 0 -f h264 stream.h264", f"{COPY} -r {FPS} -i stream.h264 -c copy OUT"],
    "ffmpeg-stretched.mp4": [PLAIN_MP4, f"{COPY} -itsscale 3.7 -i plain.mp4 -c copy OUT"],
    "ffmpeg-rotated.mp4": [PLAIN_MP4, f"{COPY} -i plain.mp4 -c copy -metadata:s:v:0 rotate=180 OUT"],
    # MKVToolNix
    "mkvmerge.mkv": [PLAIN_MP4, "mkvmerge -q -o OUT plain.mp4"],
    "mkvmerge-elementary.mkv": [ELEMENTARY, f"mkvmerge -q --default-duration 0:{FPS}p -o OUT stream.h264"],
    "mkvmerge.webm": [
        f"{FFMPEG} -c:v libvpx-vp9 -crf 15 -b:v 0 -cpu-used 6 plain.webm", "mkvmerge -q --webm -o OUT plain.webm",
    ],
    "mkvmerge-zlib.mkv": [PLAIN_MP4, "mkvmerge -q --compression 0:zlib -o OUT plain.mp4"],
    "mkvmerge-no-index.mkv": [PLAIN_MP4, "mkvmerge -q --disable-lacing --cues 0:none -o OUT plain.mp4"],
    "mkvmerge-joined.mkv": [PLAIN_MP4, "cp plain.mp4 again.mp4", "mkvmerge -q -o OUT plain.mp4 + again.mp4"],
    "mkvmerge-split.mkv": [PLAIN_MP4, "mkvmerge -q --split parts:00:00:00.900-00:00:01.700 -o OUT plain.mp4"],
    "mkvmerge-delayed.mkv": [PLAIN_MP4, "mkvmerge -q --sync 0:1500 -o OUT plain.mp4"],
    "mkvmerge-cover.mkv": [
        PLAIN_MP4, f"{COPY} -i FRAMES -frames:v 1 cover.jpg",
        "mkvmerge -q -o OUT --attach-file cover.jpg --attachment-mime-type image/jpeg plain.mp4",
    ],
    "mkvmerge-hevc.mkv": [f"{HEVC} plain.mp4", "mkvmerge -q -o OUT plain.mp4"],
    "mkvmerge-mpeg2.mkv": [f"{MPEG2} plain.ts", "mkvmerge -q -o OUT plain.ts"],
    "mkvpropedit.mkv": [f"{H264} OUT", "mkvpropedit -q OUT --edit info --set title=x --add-track-statistics-tags"],
    # GStreamer
    "gstreamer.mp4": [f"{GST_H264} mp4mux ! filesink location=OUT"],
    "gstreamer-fragmented.mp4": [f"{GST_H264} mp4mux fragment-duration=500 ! filesink location=OUT"],
    "gstreamer-streamable.mp4": [f"{GST_H264} mp4mux fragment-duration=500 streamable=true ! filesink location=OUT"],
    "gstreamer-faststart.mov": [f"{GST_H264} qtmux faststart=true ! filesink location=OUT"],
    "gstreamer-robust.mov": [
        f"{GST_H264} qtmux reserved-max-duration=10000000000 reserved-moov-update-period=500000000 ! filesink location=OUT",
    ],
    "gstreamer.3gp": [f"{GST_H264} 3gppmux ! filesink location=OUT"],
    "gstreamer.mkv": [f"{GST_H264} matroskamux ! filesink location=OUT"],
    "gstreamer-streamable.mkv": [f"{GST_H264} matroskamux streamable=true ! filesink location=OUT"],
    "gstreamer-vp8.webm": [f"{GST} vp8enc target-bitrate=2000000 deadline=1 ! webmmux ! filesink location=OUT"],
    "gstreamer-vp9.webm": [f"{GST} vp9enc target-bitrate=2000000 deadline=1 ! webmmux ! filesink location=OUT"],
    "gstreamer-live.webm": [f"{GST} vp8enc target-bitrate=2000000 deadline=1 ! webmmux streamable=true ! filesink location=OUT"],
    "gstreamer.ts": [f"{GST_H264} mpegtsmux ! filesink location=OUT"],
    "gstreamer-blu-ray.m2ts": [f"{GST_H264} mpegtsmux m2ts-mode=true ! filesink location=OUT"],
    "gstreamer-hevc.ts": [f"{GST} x265enc key-int-max=12 ! h265parse ! mpegtsmux ! filesink location=OUT"],
    "gstreamer-hevc.mp4": [f"{GST} x265enc key-int-max=12 ! h265parse ! mp4mux ! filesink location=OUT"],
    "gstreamer-h264.mpg": [f"{GST_H264} mpegpsmux ! filesink location=OUT"],
    "gstreamer-mjpeg.avi": [f"{GST} jpegenc quality=95 ! avimux ! filesink location=OUT"],
    "gstreamer-mpeg4.avi": [f"{GST} avenc_mpeg4 bitrate=4000000 ! avimux ! filesink location=OUT"],
    "gstreamer.flv": [f"{GST_H264} flvmux ! filesink location=OUT"],
    "gstreamer-live.flv": [f"{GST_H264} flvmux streamable=true ! filesink location=OUT"],
    "gstreamer-theora.ogv": [f"{GST} theoraenc quality=60 ! oggmux ! filesink location=OUT"],
    "gstreamer-mjpeg.mov": [f"{GST} jpegenc quality=95 ! qtmux ! filesink location=OUT"],
    "gstreamer.asf": [f"{GST} avenc_wmv2 bitrate=4000000 ! asfmux ! filesink location=OUT"],
    # the writers that come with encoders
    "x264.mkv": ["x264 --quiet --crf 12 --keyint 12 -o OUT FRAMES"],
    "x264.flv": ["x264 --quiet --crf 12 --keyint 12 -o OUT FRAMES"],
    "x264-interlaced.mkv": ["x264 --quiet --crf 12 --keyint 12 --tff -o OUT FRAMES"],
    "vpxenc-vp8.webm": ["vpxenc --quiet --codec=vp8 --good --cpu-used=4 --target-bitrate=2000 --auto-alt-ref=1 -o OUT FRAMES"],
    "vpxenc-vp9.webm": ["vpxenc --quiet --codec=vp9 --good --cpu-used=6 --target-bitrate=2000 -o OUT FRAMES"],
    "aomenc.webm": ["aomenc --quiet --cpu-used=8 --end-usage=q --cq-level=20 --webm -o OUT FRAMES"],
    "mplex-mpeg2.mpg": [f"{MPEG2} -f mpeg2video stream.m2v", "mplex -v 0 -f 3 -r 9000 -o OUT stream.m2v"],
    "mplex-mpeg1.mpg": [f"{FFMPEG} -c:v mpeg1video -q:v 2 -f mpeg1video stream.m1v", "mplex -v 0 -f 0 -r 9000 -o OUT stream.m1v"],
    "mencoder-xvid.avi": ["mencoder -really-quiet FRAMES -ovc xvid -xvidencopts fixed_quant=2:max_bframes=2 -o OUT"],
    "mencoder-xvid-packed.avi": [
        "mencoder -really-quiet FRAMES -ovc xvid -xvidencopts fixed_quant=2:max_bframes=2:packed -o OUT",
    ],
    "mencoder-mjpeg.avi": ["mencoder -really-quiet FRAMES -ovc lavc -lavcopts vcodec=mjpeg:vqscale=2 -o OUT"],
    "mencoder-mpeg2.mpg": [
        "mencoder -really-quiet FRAMES -ovc lavc -lavcopts vcodec=mpeg2video:vqscale=2:keyint=12 -of mpeg -o OUT",
    ],
    "oggz-sorted.ogv": [f"{FFMPEG} -c:v libtheora -q:v 10 plain.ogv", "oggz sort -o OUT plain.ogv"],
    "ogmmerge.ogm": [f"{MPEG4} -bf 0 plain.avi", "ogmmerge -o OUT plain.avi"],
    # GPAC and Bento4
    "mp4box.mp4": [PLAIN_MP4, "MP4Box -quiet -add plain.mp4 -new OUT"],
    "mp4box-dash.mp4": [PLAIN_MP4, "MP4Box -quiet -dash 500 -single-file -out x.mpd plain.mp4", "mv plain_dashinit.mp4 OUT"],
    "mp4box-interleaved.mp4": [PLAIN_MP4, "MP4Box -quiet -inter 250 plain.mp4 -out OUT"],
    "bento4-fragmented.mp4": [PLAIN_MP4, "mp4fragment --fragment-duration 500 plain.mp4 OUT"],
}  # fmt: skip
"""Name of the file written -> its commands."""

REMARKED = frozenset(
    ["ffmpeg-h264.mpg", "gstreamer-h264.mpg", "mencoder-mpeg2.mpg", "gstreamer.asf"]
    + [name for name in RECIPES if "cut" in name or "segment" in name or "joined" in name]
)
"""Files of which something has to be said: frames without a time, an end before the stated one, what a cut left behind."""

BY_FFMPEG = frozenset(
    ["mencoder-xvid-packed.avi", "gstreamer.asf"]
    + [name for name in RECIPES if "cut" in name or "segment." in name or "split" in name or "joined" in name]
)
"""Files that hold other frames than those that went in: what ffmpeg decodes of them is the measure."""


@dataclass(frozen=True)
class Missing(Exception):
    """A program or a part of it that a recipe needs is not installed here."""

    what: str


def write_frames(folder: Path) -> None:
    """Write the numbered frames: frames.y4m, and the same without headers: frames.yuv."""
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode()
    planes = [
        cv2.cvtColor(media.numbered_picture(number, HEIGHT, WIDTH), cv2.COLOR_RGB2YUV_I420).tobytes()
        for number in range(N_FRAMES)
    ]
    (folder / "frames.y4m").write_bytes(head + b"".join(b"FRAME\n" + plane for plane in planes))
    (folder / "frames.yuv").write_bytes(b"".join(planes))


def write(folder: Path, name: str) -> Path:
    """Write one file of RECIPES into a folder with the frames. Raises Missing."""
    for line in RECIPES[name]:
        words = [
            {"FRAMES": "frames.y4m", "RAW": "frames.yuv", "OUT": name}.get(word, word) for word in shlex.split(line)
        ]
        words = [
            word.replace("location=RAW", "location=frames.yuv").replace("location=OUT", f"location={name}")
            for word in words
        ]
        if words[0] == "join":
            parts = sorted(folder.glob(f"{words[1]}*"), key=lambda path: int("".join(filter(str.isdigit, path.stem))))
            (folder / name).write_bytes(b"".join(part.read_bytes() for part in parts))
            continue
        if shutil.which(words[0]) is None:
            raise Missing(f"{words[0]} is not installed")
        done = subprocess.run(words, cwd=folder, capture_output=True, timeout=COMMAND_SECONDS, check=False)
        said = (done.stdout + done.stderr).decode(errors="replace")
        if lacking := [text for text in LACKING if text in said]:
            raise Missing(f"{words[0]}: {lacking[0]}")
        if done.returncode > (1 if words[0].startswith("mkv") else 0):  # mkvmerge: 1 for a warning
            raise RuntimeError(f"{shlex.join(words)} ended with {done.returncode}: {said[-500:]}")
    return folder / name


LACKING = ("no element", "Unknown encoder", "Requested output format", "Unrecognized option")
"""What programs say that were built without a part."""


def decoded_by_ffmpeg(path: Path) -> list[int]:
    """The numbers of the frames that the ffmpeg program decodes. Raises Missing."""
    if shutil.which("ffmpeg") is None:
        raise Missing("ffmpeg is not installed")
    how = f"-map 0:v:0 -fps_mode passthrough -s {WIDTH}x{HEIGHT} -f rawvideo -pix_fmt rgb24 -"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), *shlex.split(how)]
    done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=True)
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    return [media.read_number(picture) for picture in pictures]
