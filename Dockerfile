# syntax=docker/dockerfile:1
# The program in a virtual environment that is made in one image and copied to another: no compiler, no pip cache and
# no source tree in what runs. It writes below /var/lib/klantenregister only, so the root file system can be read-only.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source

# The dependencies change seldom and come first, so that a change of ours does not install them again.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/klantenregister \
 && /opt/klantenregister/bin/pip install --require-hashes --requirement requirements.lock \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --requirement requirements-build.lock

COPY pyproject.toml README.md LICENSE clock.py ./
COPY certs certs
COPY config config
COPY storage storage
COPY gateway gateway
COPY register register
COPY klantenregister klantenregister
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/klantenregister/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/klantenregister/bin/pip uninstall --yes pip

FROM python:3.11-slim
LABEL org.opencontainers.image.title="klantenregister" \
      org.opencontainers.image.description="FSC federation gateway and klantregister for Dutch municipalities" \
      org.opencontainers.image.licenses="EUPL-1.2"

RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/klantenregister klantenregister \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/klantenregister
COPY --from=build /opt/klantenregister /opt/klantenregister

ENV PATH=/opt/klantenregister/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/klantenregister
VOLUME /var/lib/klantenregister
EXPOSE 8443 443 8000 8080 9100

# Asks where `listen.metrics` is by default; a configuration that moves it sets its own health check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9100/health/ready', timeout=2)"]

ENTRYPOINT ["klantenregister"]
CMD ["serve", "--config", "/etc/klantenregister/klantenregister.yaml"]
