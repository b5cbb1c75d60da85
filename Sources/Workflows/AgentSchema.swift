/// The schema of an agent profile.
enum AgentSchema {
  /// An output sign; indented as in the whole schema.
  private static let sign = #"""
    "stream": {"enum": ["output", "error", "either"]},
                  "text": {"type": "string"},
                  "json": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": ["string", "boolean", "number"]}
                  }
    """#

  /// JSON Schema, draft 2020-12.
  static let text = #"""
    {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "description": {"type": "string"},
        "command": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "prompt": {"enum": ["argument", "standard-input", "file"]},
        "long-prompt-command": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "environment": {
          "type": "array",
          "items": {"type": "string"},
          "description": "Names of environment variables to pass on"
        },
        "preflight": {
          "type": ["array", "object"],
          "items": {"type": "string"},
          "minItems": 1,
          "additionalProperties": false,
          "properties": {
            "command": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "signed-in": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "environment": {"type": "array", "items": {"type": "string"}},
                "files": {"type": "array", "items": {"type": "string"}},
                "command": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                "hint": {"type": "string"}
              }
            }
          }
        },
        "written-for": {"type": "string"},
        "sandbox": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "network": {"type": "boolean", "deprecated": true},
            "readable": {"type": "array", "items": {"type": "string"}},
            "writable": {"type": "array", "items": {"type": "string"}},
            "toolchains": {
              "type": "array",
              "items": {"enum": ["rustup", "uv", "nvm", "pyenv"]}
            }
          }
        },
        "network": \#(WorkflowSchema.network),
        "model-keys": {
          "type": "array",
          "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["base-url-variable"],
            "properties": {
              "variable": {"type": "string"},
              "header": {"type": "string"},
              "base-url-variable": {"type": "string"},
              "host": {"type": "string", "pattern": "^https://"}
            }
          }
        },
        "protocol": {"enum": ["command", "agent-client-protocol"]},
        "success": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "exit-codes": {"type": "array", "items": {"type": "integer"}},
            "signs": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  \#(sign)
                }
              }
            }
          }
        },
        "failure": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "exit-codes": {"type": "object", "additionalProperties": {"type": "string"}},
            "signs": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  \#(sign),
                  "read": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {"reason": {"type": "string"}}
                  },
                  "recovered-by": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      \#(sign)
                    }
                  }
                }
              }
            }
          }
        },
        "usage": {
          "type": "array",
          "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
              "stream": {"enum": ["output", "error", "either"]},
              "text": {"type": "string"},
              "json": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": ["string", "boolean", "number"]}
              },
              "total": {"enum": ["last", "sum"]},
              "read": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "input-tokens": {"type": "string"},
                  "output-tokens": {"type": "string"},
                  "cached-tokens": {"type": "string"},
                  "cost": {"type": "string"},
                  "credits": {"type": "string"}
                }
              }
            }
          }
        },
        "permissions": {
          "type": ["string", "object"],
          "additionalProperties": false,
          "properties": {
            "default": {"enum": ["allow", "reject"]},
            "read": {"enum": ["allow", "reject"]},
            "edit": {"enum": ["allow", "reject"]},
            "delete": {"enum": ["allow", "reject"]},
            "move": {"enum": ["allow", "reject"]},
            "search": {"enum": ["allow", "reject"]},
            "execute": {"enum": ["allow", "reject"]},
            "think": {"enum": ["allow", "reject"]},
            "fetch": {"enum": ["allow", "reject"]},
            "switch_mode": {"enum": ["allow", "reject"]},
            "other": {"enum": ["allow", "reject"]}
          }
        },
        "file-access": {"type": "boolean"},
        "own-files": {
          "type": "array",
          "items": {"type": "string"},
          "description": "Patterns, as in .gitignore, of the agent's own files"
        }
      }
    }
    """#
}
