#!/usr/bin/env bash
# An L2 made of bash and curl: registers at the edge and uploads DIR/<root>.car for each order.
#   bash_l2.sh http://HOST:PORT ID DIR
# Speaks the legacy generation: no v2 keys, not-found is silence. curl -T sends PUT and, for a file,
# Expect: 100-continue.
set -euo pipefail

url=$1 id=$2 dir=$3

curl -sN "$url/register/$id" | while IFS= read -r line; do
  [[ $line == *'"requestId"'* ]] || continue
  request=$(sed -E 's/.*"requestId" *: *"([^"]+)".*/\1/' <<<"$line")
  root=$(sed -E 's/.*"root" *: *"([^"]+)".*/\1/' <<<"$line")
  if [[ -f $dir/$root.car ]]; then
    curl -sS -T "$dir/$root.car" "$url/data/$root?requestId=$request" </dev/null ||
      echo "upload of $root failed" >&2
  fi
done
