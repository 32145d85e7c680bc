//! Defines the schema of copybook's receipts by hand, because no type of this project writes them.

use serde_json::{Value, json};

/// Returns the schema. Unknown properties are permitted.
pub(super) fn receipt() -> Value {
    json!({
        "description": "A receipt of copybook; it may hold more than is named here.",
        "type": "object",
        "required": [
            "format_version", "timestamp", "commit", "build_profile", "target_cpu", "environment", "benchmarks", "summary"
        ],
        "properties": {
            "format_version": { "type": "string", "pattern": "^[0-9]+[.][0-9]+[.][0-9]+$" },
            "timestamp": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}" },
            "commit": { "type": "string", "pattern": "^[a-f0-9]{7,40}$" },
            "build_profile": { "enum": ["debug", "release"] },
            "target_cpu": { "type": "string" },
            "status": { "enum": ["pass", "success", "warning", "failure"] },
            "environment": environment(),
            "benchmarks": { "type": "array", "items": benchmark() },
            "summary": summary(),
            "integrity": {
                "type": "object",
                "additionalProperties": false,
                "required": ["sha256"],
                "properties": { "sha256": { "type": "string", "pattern": "^[a-f0-9]{64}$" } }
            }
        }
    })
}

fn environment() -> Value {
    json!({
        "type": "object",
        "required": ["os", "kernel", "cpu_model", "cpu_cores", "wsl2_detected"],
        "properties": {
            "os": { "type": "string" },
            "kernel": { "type": "string" },
            "cpu_model": { "type": "string" },
            "cpu_cores": { "type": "integer", "minimum": 1 },
            "wsl2_detected": { "type": "boolean" }
        }
    })
}

fn benchmark() -> Value {
    json!({
        "type": "object",
        "required": ["name", "mean_ns", "bytes_processed", "mean_mibps"],
        "properties": {
            "name": { "type": "string", "pattern": "\\S" },
            "mean_ns": { "type": "number", "minimum": 0 },
            "bytes_processed": { "type": "integer", "minimum": 0 },
            "mean_mibps": { "type": "number", "minimum": 0 }
        }
    })
}

fn summary() -> Value {
    json!({
        "type": "object",
        "required": ["display_mibps", "comp3_mibps", "max_rss_mib"],
        "properties": {
            "display_mibps": { "type": "number", "minimum": 0 },
            "comp3_mibps": { "type": "number", "minimum": 0 },
            "max_rss_mib": { "type": "number", "minimum": 0 },
            "p50_mibps": { "type": "number" },
            "p90_mibps": { "type": "number" },
            "p99_mibps": { "type": "number" },
            "host_cpu": { "type": "string" },
            "host_cores": { "type": "integer", "minimum": 1 },
            "host_kernel": { "type": "string" },
            "host_os": { "type": "string" },
            "wsl2_detected": { "type": "boolean" },
            "ts": { "type": "string" }
        }
    })
}
