/// The JSON schema of a definition, for editors. Only `aipm workflows check` validates everything,
/// such as the names of agents.
package enum WorkflowSchema {
  /// The actions at one moment; indented as in the whole schema.
  private static let notice = #"""
    {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "comment": {
              "type": "string",
              "description": "Mustache; the comment on the pull request"
            },
            "labels": {
              "type": "array",
              "items": {
                "type": "string"
              }
            }
          }
        }
    """#

  /// Network access, in a workflow and in an agent profile.
  static let network = #"""
    {
          "type": ["string", "object"],
          "description": "none, public, host, or the allowed hosts",
          "additionalProperties": false,
          "properties": {
            "allow": {
              "type": "array",
              "items": {"type": "string"},
              "description": "Hosts, or npm pypi crates go maven debian github"
            },
            "upload": {"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"}
          }
        }
    """#

  /// JSON Schema, draft 2020-12.
  package static let text = #"""
    {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "AIPM workflow",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "name": {
          "type": "string",
          "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"
        },
        "extends": {
          "type": "string",
          "description": "The workflow whose values apply to absent keys"
        },
        "description": {
          "type": "string"
        },
        "agent-preference": {
          "type": "array",
          "minItems": 1,
          "items": {
            "type": "string"
          },
          "description": "Agents by preference; the first installed one is used"
        },
        "attempts": {
          "type": "integer",
          "minimum": 1,
          "maximum": 20,
          "description": "The number of generations before an agent's failure is final"
        },
        "time-limits": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "agent": {
              "type": "string",
              "pattern": "^[0-9]+(ms|s|m|h|d)$"
            },
            "stall": {
              "type": "string",
              "pattern": "^[0-9]+(ms|s|m|h|d)$"
            }
          }
        },
        "retry": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "first-delay": {
              "type": "string",
              "pattern": "^[0-9]+(ms|s|m|h|d)$"
            },
            "maximum-delay": {
              "type": "string",
              "pattern": "^[0-9]+(ms|s|m|h|d)$"
            },
            "tries": {
              "type": "integer",
              "minimum": 1,
              "maximum": 100
            }
          }
        },
        "pull-request": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "draft": {
              "type": "boolean"
            },
            "base-branch": {
              "type": "string"
            },
            "labels": {
              "type": "array",
              "items": {
                "type": "string"
              }
            },
            "reviewers": {
              "type": "array",
              "items": {
                "type": "string"
              }
            },
            "team-reviewers": {
              "type": "array",
              "items": {
                "type": "string"
              }
            }
          }
        },
        "on-pushed": \#(notice),
        "on-failed": \#(notice),
        "limits": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "per-repository": {
              "type": "integer",
              "minimum": 1
            },
            "per-requester": {
              "type": "integer",
              "minimum": 1
            },
            "output": {
              "type": "string",
              "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"
            },
            "change": {
              "type": "string",
              "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"
            },
            "changed-files": {
              "type": "integer",
              "minimum": 1
            },
            "disk": {
              "type": "string",
              "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"
            },
            "processes": {
              "type": "integer",
              "minimum": 8
            },
            "memory": {
              "type": "string",
              "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"
            }
          }
        },
        "network": \#(network),
        "refused-paths": {
          "type": "array",
          "items": {
            "type": "string"
          },
          "description": "Paths that a change may not touch; a trailing / includes everything below"
        },
        "secrets": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "allow-paths": {
              "type": "array",
              "items": {
                "type": "string"
              },
              "description": "Paths that are not searched for credentials"
            },
            "allow-patterns": {
              "type": "array",
              "items": {
                "type": "string",
                "minLength": 8
              },
              "description": "Texts that are not credentials, with * for anything"
            }
          }
        },
        "task-file": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "path": {
              "type": "string",
              "description": "From the root; may contain {{confirmationCode}}"
            },
            "after": {
              "enum": [
                "restore",
                "keep"
              ],
              "default": "restore",
              "description": "What the generated commit does with the file"
            }
          }
        },
        "commands": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "setup": {
              "type": "array",
              "maxItems": 20,
              "items": {
                "type": "array",
                "minItems": 1,
                "items": {
                  "type": "string"
                }
              },
              "description": "Run before the agent"
            },
            "verify": {
              "type": "array",
              "maxItems": 20,
              "items": {
                "type": "array",
                "minItems": 1,
                "items": {
                  "type": "string"
                }
              },
              "description": "Run after the agent"
            },
            "rounds": {
              "type": "integer",
              "minimum": 0,
              "maximum": 10,
              "description": "How often a failed verification is returned to the agent"
            },
            "environment": {
              "type": "array",
              "items": {
                "type": "string"
              },
              "description": "Names of environment variables for the commands"
            }
          }
        },
        "repository-may-set": {
          "type": "array",
          "items": {
            "enum": [
              "setup",
              "verify"
            ]
          }
        },
        "templates": {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "task-file": {
              "type": "string"
            },
            "prompt": {
              "type": "string"
            },
            "commit-message": {
              "type": "string"
            },
            "pull-request-body": {
              "type": "string"
            },
            "cancel-comment": {
              "type": "string"
            }
          }
        },
        "agents": {
          "type": "object",
          "additionalProperties": \#(AgentSchema.text)
        }
      },
      "if": {
        "required": [
          "extends"
        ]
      },
      "else": {
        "required": [
          "name",
          "agent-preference",
          "templates"
        ],
        "properties": {
          "templates": {
            "required": [
              "task-file",
              "prompt",
              "commit-message",
              "pull-request-body"
            ]
          },
          "agents": {
            "additionalProperties": {
              "required": [
                "command"
              ]
            }
          }
        }
      }
    }
    """#
}
