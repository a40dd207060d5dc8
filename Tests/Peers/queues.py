"""Works off jobs that do nothing with a queue of others, and prints how many a second: queues.py NAME URL JOBS BATCH.

The URL is that of an empty Postgres database. Both peers run as their documentation shows, in one process; the jobs are
put in beforehand and not measured.
"""
import asyncio
import sys
import time


async def pgqueuer(url, jobs, batch):
    import asyncpg
    from pgqueuer import Queries, QueueManager
    from pgqueuer.db import AsyncpgPoolDriver
    from pgqueuer.types import QueueExecutionMode

    async with asyncpg.create_pool(url, min_size=4, max_size=4) as pool:
        driver = AsyncpgPoolDriver(pool)
        queries = Queries(driver)
        await queries.install()
        for start in range(0, jobs, 1000):
            count = min(1000, jobs - start)
            await queries.enqueue(["work"] * count, [None] * count, [0] * count)
        manager, done = QueueManager(queries), 0

        @manager.entrypoint("work")
        async def work(job):
            nonlocal done
            done += 1

        begin = time.monotonic()
        await manager.run(batch_size=batch, mode=QueueExecutionMode.drain)
        return done, time.monotonic() - begin


async def procrastinate(url, jobs, batch):
    from procrastinate import App, PsycopgConnector

    app, done = App(connector=PsycopgConnector(conninfo=url, max_size=8)), 0

    @app.task(name="work")
    async def work():
        nonlocal done
        done += 1

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for start in range(0, jobs, 1000):
            await work.batch_defer_async(*[{}] * min(1000, jobs - start))
        begin = time.monotonic()
        await app.run_worker_async(
            wait=False, concurrency=batch, install_signal_handlers=False, listen_notify=False)
        return done, time.monotonic() - begin


name, url, jobs, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
done, seconds = asyncio.run({"pgqueuer": pgqueuer, "procrastinate": procrastinate}[name](url, jobs, batch))
if done != jobs:
    raise SystemExit(f"{name} worked off {done} of {jobs}")
print(f"{done / seconds:.0f}")
