//! Generates the typed protobuf messages from `proto/udf.proto`, without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/udf.proto");
    let descriptors = protox::compile(["proto/udf.proto"], ["proto"])?;
    prost_build::Config::new()
        // A map in a `BTreeMap` decodes faster here than in a `HashMap` and encodes in one order only.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
