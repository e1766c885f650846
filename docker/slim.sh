#!/bin/sh
# slim.sh FOLDER [EXTRA_PATH]: makes installed packages small, quick to import and the same in every build.
# EXTRA_PATH: a folder that the virtual environment FOLDER shall see too.
set -eu
folder=$1
site=$(find "$folder" -type d -name site-packages | head -n 1)
if [ $# -gt 1 ]; then
    echo "$2" > "$site/il_builder_source.pth"
fi

# What no run needs: headers, static libraries, build files, tests and examples inside wheels, SWIG.
if [ -n "$site" ]; then
    find "$site" -depth -type d \( -name tests -o -name test -o -name include \) -exec rm -rf {} +
    find "$site" -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.pxd' -o -name '*.cmake' \) -delete
    find "$site"/torch/bin -type f ! -name torch_shm_manager -delete
    rm -rf "$site"/torch/share "$site"/pyarrow/src \
        "$site"/pygame/docs "$site"/pygame/examples "$site"/Box2D/examples "$site"/swig "$site"/swig-*.dist-info "$folder"/bin/swig*
fi

# Bytecode that never looks at its source again, compiled in one process and one order; no times of today. (-S: what
# runs when Python starts would be compiled with other references.)
find "$folder" -depth -type d -name __pycache__ -exec rm -rf {} +
PYTHONHASHSEED=0 /opt/venv/bin/python -S -m compileall -qq --invalidation-mode unchecked-hash "$folder" || true
chmod -R u=rwX,go=rX "$folder"
find "$folder" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +
