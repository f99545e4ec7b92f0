#!/bin/sh
# Reloads every enabled task whose script has @kaptap…() in it. To be run after each start of kaptap: Kapacitor never
# reconnects a UDF, and a task that has no data just now does not even show that it lost its own.
#
# Price: a reloaded task begins anew; what its windows held is gone.
# KAPACITOR_URL says where Kapacitor is, if not at http://localhost:9092.
set -eu

kapacitor list tasks | awk 'NR > 1 && $3 == "enabled" { print $1 }' | while read -r task; do
    if kapacitor show "$task" </dev/null | grep '@kaptap' >/dev/null; then
        kapacitor reload "$task" </dev/null
        echo "reloaded $task"
    fi
done
