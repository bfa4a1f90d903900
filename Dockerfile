# One image; the command decides the role: `switchboard web`, `stream`, `worker`, `beat`, `migrate`.
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir uv
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY platform platform
COPY tenants tenants
COPY agents agents
COPY telephony telephony
COPY templates templates
RUN /venv/bin/uv pip install --no-cache -p /venv/bin/python -c constraints.txt '.[offline,s3]'
ENV STATIC_ROOT=/static
RUN SWITCHBOARD_HOME=/tmp/build /venv/bin/switchboard collectstatic --no-input && rm -rf /tmp/build

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/switchboard switchboard
COPY --from=build /venv /venv
COPY --from=build /static /static
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 STATIC_ROOT=/static \
    SWITCHBOARD_HOME=/var/lib/switchboard/home LOG_FORMAT=json
USER switchboard
WORKDIR /var/lib/switchboard
RUN mkdir -m 700 home home/media home/spool
VOLUME /var/lib/switchboard/home
EXPOSE 8000 8100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
  "import os, sys, urllib.request as r; role = open('/proc/1/cmdline').read(); port = 8000 if 'web' in role else 8100 if 'stream' in role else 0; sys.exit(0 if not port else r.urlopen(f'http://127.0.0.1:{port}/healthz').status != 200)"]
CMD ["switchboard", "web", "--host", "0.0.0.0"]
