#!/bin/bash
# Starts a Celery worker of SyncApp on Amazon Linux 2023. /etc/syncapp.env says which queues
# it consumes, how many tasks at once, and where the data is.
set -euo pipefail

dnf install -y python3.12 python3.12-pip amazon-cloudwatch-agent
useradd --system --create-home --home-dir /opt/syncapp syncapp

/usr/bin/python3.12 -m venv /opt/syncapp/venv
/opt/syncapp/venv/bin/pip install --quiet celery syncapp

cat >/etc/systemd/system/syncapp-worker.service <<'END'
[Unit]
Description=SyncApp worker
After=network-online.target
Wants=network-online.target

[Service]
User=syncapp
EnvironmentFile=/etc/syncapp.env
# exec, so that SIGTERM reaches Celery itself, which then finishes what it has begun.
ExecStart=/bin/bash -c 'exec /opt/syncapp/venv/bin/celery --app syncapp worker --queues "$WORKER_QUEUES" --concurrency "$WORKER_CONCURRENCY"'
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec=infinity
Restart=always

[Install]
WantedBy=multi-user.target
END
systemctl enable --now syncapp-worker
