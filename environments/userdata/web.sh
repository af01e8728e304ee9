#!/bin/bash
# Starts SyncApp's web processes on Amazon Linux 2023. /etc/syncapp.env says where the data
# and the release are: a wheelhouse, so that nothing is taken from a public index. Another
# release in the environment file is another version of the launch template, and so an
# instance refresh.
set -euo pipefail
set -a
. /etc/syncapp.env
set +a

dnf install -y python3.12 python3.12-pip amazon-cloudwatch-agent
useradd --system --create-home --home-dir /opt/syncapp syncapp
chgrp syncapp /etc/syncapp.env
install -d -o syncapp -g syncapp /opt/syncapp/wheels /var/log/syncapp

aws s3 cp --only-show-errors "$RELEASE" /opt/syncapp/release.tar.gz
tar --extract --gzip --file /opt/syncapp/release.tar.gz --directory /opt/syncapp/wheels
python3.12 -m venv /opt/syncapp/venv
/opt/syncapp/venv/bin/pip install --quiet --no-index --find-links /opt/syncapp/wheels gunicorn syncapp

cat >/etc/systemd/system/syncapp-web.service <<'END'
[Unit]
Description=SyncApp web
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User=syncapp
EnvironmentFile=/etc/syncapp.env
# Threads, as gunicorn's plain workers keep no connection; and kept for longer than the load
# balancer's idle timeout, or it would send requests on connections that are just being closed.
ExecStart=/opt/syncapp/venv/bin/gunicorn --bind 0.0.0.0:8000 --worker-class gthread --workers 4 --threads 8 --keep-alive 75 --graceful-timeout 60 syncapp.wsgi
StandardOutput=append:/var/log/syncapp/web.log
StandardError=append:/var/log/syncapp/web.log
KillSignal=SIGTERM
TimeoutStopSec=90
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
END

cat >/etc/amazon-cloudwatch-agent.json <<END
{"logs": {"logs_collected": {"files": {"collect_list": [
  {"file_path": "/var/log/syncapp/*.log", "log_group_name": "$LOG_GROUP", "log_stream_name": "{instance_id}"}
]}}}}
END
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:/etc/amazon-cloudwatch-agent.json
systemctl daemon-reload
systemctl enable --now syncapp-web
