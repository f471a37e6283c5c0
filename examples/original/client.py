"""Calls the functions of server.py through generated stubs, as programs for the original do.

export PRPC_TYPE_BROKER=redis PRPC_URL_BROKER=redis://localhost:6379/0 PRPC_QUEUE_NAME=task_prpc
python -m prpc.create_server_func
python client.py
"""

import datetime

from prpc.server_func import hello_world, summ

if __name__ == "__main__":
    timeout = datetime.timedelta(seconds=30)
    tasks = [summ(1, 2), hello_world()]
    for task in tasks:
        print(task.message.func_name, task.sync_wait_result_task(timeout), task.time_execution)
