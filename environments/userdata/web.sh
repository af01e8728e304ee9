#!/bin/bash
# Starts SyncApp's web processes on Amazon Linux 2023. /etc/syncapp.env says where the data is.
set -euo pipefail

dnf install -y python3.12 python3.12-pip amazon-cloudwatch-agent
useradd --system --create-home --home-dir /opt/syncapp syncapp

# The release that goes with this version of the launch template.
install -d -o syncapp -g syncapp /opt/syncapp/releases
/usr/bin/python3.12 -m venv /opt/syncapp/venv
/opt/syncapp/venv/bin/pip install --quiet gunicorn syncapp

cat >/etc/systemd/system/syncapp-web.service <<'END'
[Unit]
Description=SyncApp web
After=network-online.target
Wants=network-online.target

[Service]
User=syncapp
EnvironmentFile=/etc/syncapp.env
# Longer than the load balancer's idle timeout, or it would send requests on connections
# that are just being closed.
ExecStart=/opt/syncapp/venv/bin/gunicorn --bind 0.0.0.0:8000 --workers 4 --keep-alive 75 --graceful-timeout 60 syncapp.wsgi
KillSignal=SIGTERM
TimeoutStopSec=90
Restart=always

[Install]
WantedBy=multi-user.target
END
systemctl enable --now syncapp-web
