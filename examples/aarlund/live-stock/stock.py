"""Aarlund's stock, as a server of the Model Context Protocol: `rung` starts it, and it reads
stock.csv whenever it is asked. Python's standard library is all that it needs."""

import csv
import json
import sys
from pathlib import Path

STOCK = Path(__file__).with_name("stock.csv")
TOOL = {
    "name": "stock",
    "description": "How many of a bike are in stock today, and when the next ones arrive.",
    "inputSchema": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("model", "size", "colour")},
        "required": ["model", "size", "colour"],
    },
}


def looked_up(wanted: dict) -> tuple[str, bool]:
    """What the stock says of a bike, and whether that is an error."""
    model, size, colour = (str(wanted.get(name)) for name in ("model", "size", "colour"))
    with STOCK.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["size"], row["colour"]) == (model, size, colour):
                bike = f"{model}, size {size}, {colour}"
                return f"{bike}: {row['count']} in stock. Next delivery: {row['next']}.", False
    return f"There is no {model} in size {size} and {colour}.", True


def answered(method: str, params: dict) -> dict:
    """The result of a request. Raises `KeyError` for a method that is not served."""
    if method == "tools/call":
        text, wrong = looked_up(params["arguments"])
        return {"content": [{"type": "text", "text": text}], "isError": wrong}
    return {
        "initialize": {
            "protocolVersion": params.get("protocolVersion"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "aarlund-stock", "version": "1"},
        },
        "tools/list": {"tools": [TOOL]},
        "ping": {},
    }[method]


def main() -> None:
    """One JSON-RPC message a line, in and out."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = answered(message["method"], message.get("params") or {})
        except KeyError as error:
            reply["error"] = {"code": -32601, "message": f"nothing serves {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
