"""An S3 server on loopback: moto's, in a process of its own."""

import re
import subprocess
import sys
import threading
from contextlib import contextmanager

RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server():
    """Its address."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            found = next(found for found in map(RUNNING.search, process.stderr) if found)
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
            yield found[1]
        finally:
            process.kill()


def s3_client(address):
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        region_name=KEYS["AWS_DEFAULT_REGION"],
    )
