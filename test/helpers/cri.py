#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A small client of Kubernetes's Container Runtime Interface (runtime.v1), in place of a kubelet: cri.py SOCKET VERB ARGUMENT...

    pod [-n NAMESPACE] [-l KEY=VALUE]... [-a KEY=VALUE]... NAME [HANDLER]
                                                makes a pod's sandbox on the node's network, with labels (-l) and annotations (-a), prints
                                                its id; HANDLER: of a RuntimeClass
    container POD NAME IMAGE [-u UID] COMMAND...   makes and starts a container in it, prints its id
    exec CONTAINER COMMAND...                   runs a command there; its output, error output and exit status are ours
    stop CONTAINER SECONDS                      SIGTERM, SIGKILL after so long
    restart POD NAME IMAGE COMMAND...           as a kubelet restarts: the next attempt of a container of that name
    remove POD                                  stops and removes the sandbox with all that is in it
    pid CONTAINER                               of its first process, as the host counts

Messages are put together here by their field numbers: Debian has gRPC for Python, and no stubs for this interface.
"""
import argparse
import json
import os
import sys

import grpc

NODE_NETWORK = 2


def varint(number):
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def field(number, value):
    """One field: an int, a string, bytes (a message), or a list of these."""
    if isinstance(value, list):
        return b"".join(field(number, item) for item in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(**fields):
    """message(f1="text", f2=7): by field number, what is None left out."""
    return b"".join(field(int(name[1:]), value) for name, value in fields.items() if value is not None)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number, at


def parse(data):
    """{field number: [values]}, messages and strings as bytes."""
    fields, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


class Runtime:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix://{socket}")

    def call(self, method, request):
        stub = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}", lambda data: data, parse)
        return stub(request, timeout=60)


def sandbox_config(metadata, labels=(), annotations=()):
    """Entries of labels and annotations are messages."""
    network = message(f1=message(f1=NODE_NETWORK))
    name = parse(metadata)[1][0].decode()
    linux = message(f1=f"/kubepods/besteffort/pod{name}", f2=network)
    logs = os.environ.get("CRI_LOGS", "/tmp")
    return message(f1=metadata, f3=logs, f6=list(labels), f7=list(annotations), f8=linux)


def pairs(texts):
    """The entries of a map, of KEY=VALUE each."""
    return [message(f1=key, f2=value) for key, _, value in (text.partition("=") for text in texts)]


def run_pod(runtime, arguments):
    parser = argparse.ArgumentParser(prog="cri.py pod")
    parser.add_argument("-n", dest="namespace", default="default")
    parser.add_argument("-l", dest="labels", action="append", default=[])
    parser.add_argument("-a", dest="annotations", action="append", default=[])
    parser.add_argument("name")
    parser.add_argument("handler", nargs="?")
    given = parser.parse_args(arguments)
    metadata = message(f1=given.name, f2=f"uid-{given.name}", f3=given.namespace)
    config = sandbox_config(metadata, pairs(given.labels), pairs(given.annotations))
    return runtime.call("RunPodSandbox", message(f1=config, f2=given.handler))[1][0].decode()


def config_of(runtime, pod):
    """What the pod was made with: a kubelet gives it again with each container."""
    status = parse(runtime.call("PodSandboxStatus", message(f1=pod))[1][0])
    return sandbox_config(status[2][0], status.get(7, []), status.get(8, []))


def attempts(runtime, pod, name):
    listed = runtime.call("ListContainers", message(f1=message(f3=pod))).get(1, [])
    return sum(parse(parse(entry)[3][0])[1][0].decode() == name for entry in listed)


def run_container(runtime, pod, name, image, command):
    user = None
    if command[:1] == ["-u"]:
        user, command = int(command[1]), command[2:]
    security = message(f3=message(f1=NODE_NETWORK), f5=message(f1=user) if user else None)
    config = message(
        f1=message(f1=name, f2=attempts(runtime, pod, name)),
        f2=message(f1=image),
        f3=command,
        f11=f"{name}.log",
        f15=message(f2=security),
    )
    request = message(f1=pod, f2=config, f3=config_of(runtime, pod))
    container = runtime.call("CreateContainer", request)[1][0].decode()
    runtime.call("StartContainer", message(f1=container))
    return container


def execute(runtime, container, command):
    reply = runtime.call("ExecSync", message(f1=container, f2=command, f3=20))
    sys.stdout.buffer.write(reply.get(1, [b""])[0])
    sys.stderr.buffer.write(reply.get(2, [b""])[0])
    return reply.get(3, [0])[0]


def pid_of(runtime, container):
    """From the verbose part of the status: a map of names to JSON."""
    for entry in runtime.call("ContainerStatus", message(f1=container, f2=1)).get(2, []):
        pair = parse(entry)
        if pair[1][0] == b"info":
            return json.loads(pair[2][0])["pid"]
    return 0


def main():
    socket, verb, *arguments = sys.argv[1:]
    runtime = Runtime(socket)
    if verb == "pod":
        print(run_pod(runtime, arguments))
    elif verb in ("container", "restart"):
        print(run_container(runtime, *arguments[:3], arguments[3:]))
    elif verb == "exec":
        sys.exit(execute(runtime, arguments[0], arguments[1:]))
    elif verb == "stop":
        runtime.call("StopContainer", message(f1=arguments[0], f2=int(arguments[1])))
    elif verb == "remove":
        runtime.call("StopPodSandbox", message(f1=arguments[0]))
        runtime.call("RemovePodSandbox", message(f1=arguments[0]))
    elif verb == "pid":
        print(pid_of(runtime, arguments[0]))
    else:
        sys.exit(f"cri.py: there is no verb '{verb}'")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"cri.py: {error.code().name}: {error.details()}")
