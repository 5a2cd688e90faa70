"""Cut the fonts of the website to what it shows (_static/fonts/): `make fonts`.

    python tools/fonts.py FOLDER      of the package pydata_sphinx_theme, which has the icons

Formulas are in STIX Two Math, icons in Font Awesome Free, both under the SIL Open Font
License. A test names what a new formula needs and the font does not have: add it to FORMULAS.
"""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset

TARGET = Path(__file__).resolve().parent.parent / "_static" / "fonts"

# Letters and digits, accents, Greek, arrows, operators and brackets of everyday mathematics;
# then italic letters, and the double-struck ones for sets of numbers and the mean.
FORMULAS = """
20-7E A0 AC AF B0 B1 B4 B7 D7 F7 131 237 2C6 2DC 302-304 307 308 338
393 394 398 39B 39E 3A0 3A3 3A6 3A8 3A9 3B1-3C9 3D1 3D5 3F5 2016 2026 2032 2033 2061-2064
210E 2113 211D 2115 2190-2192 21A6 21D2 21D4
2200 2202 2203 2205 2207-2209 220F 2211-2213 2217 221A 221D 221E 2223 2225 2229-222B
2248 2260 2264 2265 226A 226B 2282 2295 2297 22A4 22C5 22C6 22EE-22F1 2308-230B
27E8 27E9 27F9 27FA 1D434-1D467 1D53C 1D6A4 1D6A5 1D6E2-1D71B
"""

# Those that the templates of the themes name; the style sheet names more.
ICONS = """
angle-down angle-left angle-right arrow-up bars circle-half-stroke code download file github
gitlab lightbulb list magnifying-glass moon pencil rocket sun xmark
"""


def cut(source, target, codes, features=(), change=lambda font: None):
    options = subset.Options(layout_features=list(features), hinting=False, flavor="woff2")
    options.drop_tables += ["FFTM"]
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    change(font)
    font["head"].modified = font["head"].created  # the same fonts from every run
    subset.save_font(font, TARGET / target, options)
    print(target, (TARGET / target).stat().st_size, "bytes")


def suit_browsers(font):
    """Two things that browsers do with a font for mathematics, and TeX does not."""
    # They lower a subscript under the descender of its letter: the index of q would stand
    # below that of z. TeX does so only under brackets and the like.
    font["MATH"].table.MathConstants.SubscriptBaselineDropMin.Value = 0
    # They look for the letters of indices and exponents (ssty) where those of a text are.
    scripts = font["GSUB"].table.ScriptList.ScriptRecord
    (maths,) = (record.Script for record in scripts if record.ScriptTag == "math")
    for record in scripts:
        record.Script = maths


def icon_codes(style):
    for name in ICONS.split():
        rule = re.search(rf'\.fa-{name}(?![\w-])[^{{}}]*:before\{{content:"\\(\w+)"', style)
        yield int(rule[1], 16)
    yield from map(ord, re.findall(r'--pst-icon-[a-z-]+:"(.)"', style))


def main(theme):
    TARGET.mkdir(exist_ok=True)
    stix = Path(find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    codes = subset.parse_unicodes(",".join(FORMULAS.split()))
    cut(stix, "maths.woff2", codes, ["ssty"], suit_browsers)
    static = Path(theme, "theme", "pydata_sphinx_theme", "static")
    style = (static / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    for name, target in (("fa-solid-900", "icons"), ("fa-brands-400", "brands")):
        source = static / "vendor" / "fontawesome" / "webfonts" / f"{name}.ttf"
        cut(source, f"{target}.woff2", set(icon_codes(style)))


if __name__ == "__main__":
    main(sys.argv[1])
