//! The `MLmodel` file of a version: signature, flavors and environment, from YAML with JSON inside.
