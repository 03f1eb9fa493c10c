"""Writes Cases/images.json: small files of every format that Pillow writes, and the pixels that Pillow reads from them.

python3 make_cases.py > Cases/images.json     (seen with Pillow 11.1, with libtiff and libwebp)

A case: name (its ending is the format), file (base64), width, height, rgba (base64: upright, EXIF orientation applied, alpha not
multiplied in), tolerance (0 where the format is lossless). A case without rgba is one that must be refused by name.
"""
import base64
import io
import json

from PIL import Image, ImageOps

W, H = 20, 13


def photo(mode="RGB"):
    """Asymmetric under every flip and turn; smooth, so that JPEG and WebP come near."""
    rgb = Image.new("RGB", (W, H))
    rgb.putdata([(12 * x, 19 * y, (7 * x + 5 * y) % 256) for y in range(H) for x in range(W)])
    alpha = Image.new("L", (W, H))
    alpha.putdata([(255 if x < 8 else (x * y * 3) % 256) for y in range(H) for x in range(W)])
    if mode == "RGBA":
        rgb.putalpha(alpha)
        return rgb
    if mode == "LA":
        gray = rgb.convert("L")
        gray.putalpha(alpha)
        return gray
    if mode == "1":
        bits = Image.new("1", (W, H))
        bits.putdata([255 if (x < y or (x * y) % 5 == 1) else 0 for y in range(H) for x in range(W)])
        return bits
    if mode == "I;16":
        wide = Image.new("I;16", (W, H))
        wide.putdata([(x * 3001 + y * 517) % 65536 for y in range(H) for x in range(W)])
        return wide
    if mode == "F":
        return rgb.convert("L").convert("F")
    if mode == "P":
        return rgb.quantize(32, dither=Image.Dither.NONE)
    return rgb.convert(mode)


def rgba(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        gray = Image.new("L", image.size)
        gray.putdata([(v * 255 + 32767) // 65535 for v in image.getdata()])
        image = gray
    return image.convert("RGBA")


cases = []


def add(name, image, tolerance=0, refused=False, note="", **options):
    file = io.BytesIO()
    format = {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM", "pbm": "PPM"}.get(name.split(".")[-1], name.split(".")[-1].upper())
    image.save(file, format, **options)
    put(name, file.getvalue(), tolerance, refused)


def put(name, data, tolerance=0, refused=False):
    case = {"name": name, "file": base64.b64encode(data).decode()}
    if not refused:
        read = rgba(Image.open(io.BytesIO(data)))
        case |= {"width": read.width, "height": read.height, "rgba": base64.b64encode(read.tobytes()).decode(), "tolerance": tolerance}
    cases.append(case)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16"):
    add(f"{mode}.png", photo(mode))
transparent = photo("P")
add("P transparent.png", transparent, transparency=3)
add("RGB quality 95.jpg", photo(), 4, quality=95, subsampling=0)
add("RGB 4-2-0.jpg", photo(), 12, quality=95)
add("RGB progressive.jpg", photo(), 4, quality=95, subsampling=0, progressive=True)
add("L.jpg", photo("L"), 3, quality=95)
add("CMYK.jpg", photo("CMYK"), 6, quality=95)
for compression in (None, "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_ccitt", "group3", "group4"):
    add(f"1 {compression}.tif", photo("1"), compression=compression)
    add(f"1 {compression} white is zero.tif", photo("1"), compression=compression, tiffinfo={262: 0})
for compression in (None, "packbits", "tiff_lzw", "tiff_adobe_deflate"):
    for mode in ("L", "RGB", "RGBA", "I;16", "P"):
        # Pillow cuts the 16 bits of a palette's color to 8, where others round.
        add(f"{mode} {compression}.tif", photo(mode), int(mode == "P"), compression=compression)
add("L white is zero.tif", photo("L"), tiffinfo={262: 0})
add("JPEG.tif", photo(), 30, compression="jpeg", quality=95)
add("CMYK.tif", photo("CMYK"), refused=True)
add("LAB.tif", Image.new("LAB", (W, H)), refused=True)
add("F.tif", photo("F"), refused=True)
add("three pages.tif", photo(), save_all=True, append_images=[photo("L"), photo("1")])
add("P.gif", photo("P"), interlace=0)
add("P interlaced.gif", photo("P"), interlace=1)
add("P transparent.gif", transparent, transparency=3)
add("three frames.gif", photo("P"), save_all=True, append_images=[photo("P").rotate(180), photo("P").rotate(90)], duration=50)
add("RGB.webp", photo(), lossless=True)
add("RGBA.webp", photo("RGBA"), lossless=True, exact=True)
add("RGB lossy.webp", photo(), 16, quality=95)
add("RGBA lossy.webp", photo("RGBA"), 60, quality=95, exact=True)
add("three frames.webp", photo(), save_all=True, append_images=[photo().rotate(180), photo().rotate(90)], lossless=True, duration=50)
add("three frames.png", photo(), save_all=True, append_images=[photo().rotate(180), photo().rotate(90)], duration=50)
for mode in ("1", "L", "P", "RGB", "RGBA"):
    add(f"{mode}.bmp", photo(mode))
add("1.pbm", photo("1"))
add("L.pgm", photo("L"))
add("I;16.pgm", photo("I;16"))
add("RGB.ppm", photo())
for orientation in range(1, 9):
    add(f"orientation {orientation}.jpg", photo(), 4, quality=95, subsampling=0, exif=exif(orientation))
    add(f"orientation {orientation}.png", photo(), exif=exif(orientation))
    add(f"orientation {orientation}.webp", photo(), lossless=True, exif=exif(orientation))
    add(f"orientation {orientation}.tif", photo(), tiffinfo={274: orientation})

print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
