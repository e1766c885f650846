# The container of docs/container.md. No syntax line and no mounts: BuildKit, the classic builder and podman build it.
# A base of one digest: BASE_IMAGE=python@sha256:... (the label org.opencontainers.image.base.name keeps it).
ARG BASE_IMAGE=python:3.11.14-slim-bookworm
# What only building needs, such as a proxy's certificates, comes from here and stays here. The same Python as the base.
ARG BUILDER_IMAGE=${BASE_IMAGE}

FROM ${BUILDER_IMAGE} AS dependencies
ARG SOURCE_DATE_EPOCH=315532800
ENV PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY constraints.txt ./
# From most to least of what others share: torch, the packages of every build, the extras.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-deps ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml docker/requirements.py ./
RUN /opt/venv/bin/python requirements.py > core.txt \
    && /opt/venv/bin/pip install -c constraints.txt -r core.txt \
    && /opt/venv/bin/python requirements.py --build-system > backend.txt \
    && /opt/venv/bin/pip install -c constraints.txt --target /opt/backend -r backend.txt
ARG EXTRAS=huggingface-sb3,mujoco,box2d,video
COPY docker/slim.sh ./
RUN /opt/venv/bin/python requirements.py --extras "${EXTRAS}" > extras.txt \
    && /opt/venv/bin/pip install -c constraints.txt -r extras.txt \
    && /opt/venv/bin/pip check \
    && sh slim.sh /opt/venv /opt/il-builder

FROM dependencies AS source
# Said again: a stage inherits arguments in BuildKit alone.
ARG SOURCE_DATE_EPOCH=315532800
COPY README.md LICENSE ./
COPY conf ./conf
COPY builder ./builder
RUN PYTHONPATH=/opt/backend /opt/venv/bin/pip install --no-deps --no-build-isolation --target /opt/il-builder . \
    && rm /opt/il-builder/*.dist-info/direct_url.json \
    && sh slim.sh /opt/il-builder

FROM ${BASE_IMAGE}
# By hand, since useradd notes the day. Any other uid works too: nothing looks the user up, and HOME is for all.
RUN echo 'builder:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'builder:x:10001:' >> /etc/group \
    && mkdir -m 1777 /data
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=source /opt/il-builder /opt/il-builder
ENV PATH=/opt/il-builder/bin:/opt/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
    HOME=/tmp USER=builder HF_HOME=/tmp/huggingface MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    IL_BUILDER_DATA=/data
USER 10001:10001
WORKDIR /data
# Python answers SIGINT from its first moment on; as process 1 it would not hear SIGTERM until a build has begun.
STOPSIGNAL SIGINT
ENTRYPOINT ["il-builder"]
ARG BASE_IMAGE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="IL Dataset Builder" \
      org.opencontainers.image.description="Turns a trained expert policy into a reproducible imitation-learning dataset" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.revision="${REVISION}"
# What provenance.json of a dataset says built it; `docker run -e IL_BUILDER_IMAGE=name@sha256:...` says more.
ENV IL_BUILDER_IMAGE=il-builder:${REVISION}
