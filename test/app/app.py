"""A minimal Django application whose health view speaks the contract of deep checks.

GET /health/ is for load balancers: it asks nothing that the process shares with others, so
that a database that is down takes no target away. GET /health/?check_celery=true is for
people and alarms: it asks all that the application depends on.

Variables of the environment:
    APP_VERSION        what the application says it is; default "dev"
    DATABASE           file of the SQLite database; default in memory
    CACHE              folder of the cache; default in memory
    CELERY_BROKER_URL  broker of the workers; default none, and no answer about them
"""

import logging
import os
import uuid

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],  # checks come with the target's address as their host
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": os.environ["CACHE"]}
        if "CACHE" in os.environ
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    },
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DATABASE", ":memory:")}},
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid.uuid4().hex,  # nothing is signed
    USE_TZ=True,
    WSGI_APPLICATION=__name__ + ".application",
)

from django.core.cache import cache  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.cache import never_cache  # noqa: E402
from django.views.decorators.http import require_safe  # noqa: E402

log = logging.getLogger(__name__)

VERSION = os.environ.get("APP_VERSION", "dev")
BROKER = os.environ.get("CELERY_BROKER_URL", "")

# Deep checks wait for 4 seconds.
BROKER_TIMEOUT = 1
WORKER_TIMEOUT = 1


def check_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def check_cache():
    key, value = "health-" + uuid.uuid4().hex, uuid.uuid4().hex
    cache.set(key, value, timeout=10)
    found = cache.get(key)
    cache.delete(key)
    return found == value


def check_celery():
    """Whether a worker answers; None if there are to be none."""
    if not BROKER:
        return None
    from celery import Celery

    workers = Celery(broker=BROKER, set_as_current=False)
    with workers.connection_for_write(connect_timeout=BROKER_TIMEOUT) as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
        return bool(workers.control.inspect(timeout=WORKER_TIMEOUT, connection=broker).ping())


def verdict(check):
    """The word for what a check found. Why it failed is for the log: answers have no secrets."""
    try:
        found = check()
    except Exception:
        log.exception("%s failed", check.__name__)
        return "error"
    if found is None:
        return None
    return "ok" if found else "error"


@never_cache
@require_safe
def health(request):
    if request.GET.get("check_celery") != "true":
        return JsonResponse({"status": "ok", "version": VERSION})
    checks = {"database": verdict(check_database), "cache": verdict(check_cache), "celery": verdict(check_celery)}
    # Without its database the application does not work; without the others it does, worse.
    status, code = "ok", 200
    if checks["database"] == "error":
        status, code = "error", 503
    elif "error" in checks.values():
        status = "degraded"
    return JsonResponse({"status": status, **checks, "version": VERSION}, status=code)


def index(request):
    return HttpResponse("syncapp " + VERSION + "\n", content_type="text/plain")


urlpatterns = [path("", index), path("health/", health)]

application = get_wsgi_application()
