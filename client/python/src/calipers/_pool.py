"""Message classes of the generated descriptors, in a separate descriptor pool.

protobuf's global pool holds one definition of each name in a process. With a separate pool this
package works together with other stubs of calipers.v1 of any version.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def _load() -> DescriptorPool:
    data = (resources.files("calipers._wire") / "descriptors.binpb").read_bytes()
    pool = DescriptorPool()
    # protoc writes the files in the order of their imports.
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _load()


def define(proto: str, namespace: dict[str, Any]) -> None:
    """Adds the message classes, enums and enum values of the file `proto` to a module's namespace,
    in the form that its generated types declare."""
    file: FileDescriptor = _POOL.FindFileByName(proto)
    namespace["DESCRIPTOR"] = file
    for name, message in file.message_types_by_name.items():
        namespace[name] = message_factory.GetMessageClass(message)
    for name, enum in file.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update({value.name: value.number for value in enum.values})
