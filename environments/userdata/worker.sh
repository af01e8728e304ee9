#!/bin/bash
# Starts a Celery worker of SyncApp on Amazon Linux 2023. /etc/syncapp.env says which queues
# it consumes, how many tasks at once, and where the data and the release are: a wheelhouse, so
# that nothing is taken from a public index, and bin/evenkeel of the instance's architecture.
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
/opt/syncapp/venv/bin/pip install --quiet --no-index --find-links /opt/syncapp/wheels celery syncapp

cat >/etc/systemd/system/syncapp-worker.service <<'END'
[Unit]
Description=SyncApp worker
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User=syncapp
EnvironmentFile=/etc/syncapp.env
# exec, so that SIGTERM reaches Celery itself, which then finishes what it has begun.
ExecStart=/bin/bash -c 'exec /opt/syncapp/venv/bin/celery --app syncapp worker --queues "$WORKER_QUEUES" --concurrency "$WORKER_CONCURRENCY"'
StandardOutput=append:/var/log/syncapp/worker.log
StandardError=append:/var/log/syncapp/worker.log
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec=infinity
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
END

# Last to stop, so that it sees the worker's end when the system goes down.
cat >/etc/systemd/system/evenkeel-agent.service <<'END'
[Unit]
Description=Ends the worker before Auto Scaling ends the instance
After=network-online.target
Wants=network-online.target
Before=syncapp-worker.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/syncapp.env
ExecStart=/usr/local/bin/evenkeel agent --service syncapp-worker.service --spot --inspect "runuser -u syncapp -- /opt/syncapp/venv/bin/celery --app syncapp"
StandardOutput=append:/var/log/syncapp/agent.log
StandardError=append:/var/log/syncapp/agent.log
RuntimeDirectory=evenkeel-agent
RuntimeDirectoryPreserve=yes
TimeoutStopSec=15
Restart=on-failure
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
systemctl enable --now syncapp-worker
# After the worker: without an agent the drain function ends the instance, only later.
install -m 0755 /opt/syncapp/wheels/bin/evenkeel /usr/local/bin/evenkeel
systemctl enable --now evenkeel-agent
