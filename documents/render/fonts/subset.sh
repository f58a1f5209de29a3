#!/bin/sh
# Makes the fonts of this folder from Debian's fonts-noto-core and fonts-noto-mono with python3-fonttools.
# Run it by hand when the repertoire changes; the render profile (fonts by hash) changes with it.
set -e
cd "$(dirname "$0")"
from=${1:-/usr/share/fonts/truetype/noto}
python=${PYTHON:-/usr/bin/python3}

make() {
  name=$1; unicodes=$2
  "$python" -m fontTools.subset "$from/$name.ttf" --unicodes="$unicodes" --output-file="$name.ttf" \
    --no-hinting --desubroutinize --layout-features='' --notdef-outline --no-glyph-names --no-recalc-timestamp \
    --drop-tables+=GSUB,GPOS,GDEF,STAT,DSIG,meta --name-IDs='0,1,2,3,4,5,6,7,13,14'
}

# Latin with all of Europe, Greek, Cyrillic, punctuation, currencies, number forms, arrows, mathematics as far as the face has them
text=U+0020-007E,U+00A0-024F,U+0259,U+02B0-036F,U+0370-045F,U+0490-0491,U+1E00-1EFF,U+2000-2027,U+2030-205F,U+2070-20BF,U+2100-22FF,U+FB01-FB02,U+FFFC-FFFD
for face in NotoSerif-Regular NotoSerif-Bold NotoSerif-Italic NotoSerif-BoldItalic NotoSans-Regular NotoSans-Bold NotoSansMono-Regular; do
  make $face "$text"
done
make NotoSansSymbols2-Regular U+2190-21FF,U+2300-23FF,U+25A0-27BF,U+2B00-2BFF
make NotoSansMath-Regular U+2190-230F,U+27C0-27EF
make NotoSansSymbols-Regular U+2460-24FF,U+2600-26FF
