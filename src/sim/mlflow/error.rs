//! `MLflow`'s error answers: the JSON ones, and the HTML and text ones of the layers around it.

use serde_json::json;

use crate::sim::reply::Reply;

/// An error that the server words as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    /// `INVALID_PARAMETER_VALUE`, 400: also an alias that does not exist.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: "INVALID_PARAMETER_VALUE",
            message: message.into(),
        }
    }

    /// `RESOURCE_DOES_NOT_EXIST`, 404.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self {
            code: "RESOURCE_DOES_NOT_EXIST",
            message: message.into(),
        }
    }

    /// `RESOURCE_ALREADY_EXISTS`, 400.
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self {
            code: "RESOURCE_ALREADY_EXISTS",
            message: message.into(),
        }
    }

    /// `INTERNAL_ERROR`, 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            code: "INTERNAL_ERROR",
            message: message.into(),
        }
    }

    /// `FEATURE_DISABLED`, which the server sends as a 500.
    pub(crate) fn disabled(message: &str) -> Self {
        Self {
            code: "FEATURE_DISABLED",
            message: message.to_owned(),
        }
    }

    /// An error that nobody catches: an HTML page.
    pub(crate) fn crash() -> Self {
        Self {
            code: "",
            message: String::new(),
        }
    }

    /// A required parameter that is absent or empty.
    pub(crate) fn required(name: &str) -> Self {
        Self::invalid(format!(
            "Missing value for required parameter '{name}'. {HELP}"
        ))
    }

    /// A parameter of the wrong type or beyond its limit; `shown` is its JSON form.
    pub(crate) fn value(name: &str, shown: &serde_json::Value) -> Self {
        let kind = match shown {
            serde_json::Value::Null => "NoneType",
            serde_json::Value::Bool(_) => "bool",
            serde_json::Value::Number(number) if number.is_f64() => "float",
            serde_json::Value::Number(_) => "int",
            serde_json::Value::String(_) => "str",
            serde_json::Value::Array(_) => "list",
            serde_json::Value::Object(_) => "dict",
        };
        Self::invalid(format!(
            "Invalid value {shown} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. {HELP}"
        ))
    }

    /// A parameter check with its own sentence.
    pub(crate) fn checked(message: &str) -> Self {
        Self::invalid(format!("{message} {HELP}"))
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn reply(&self) -> Reply {
        if self.code.is_empty() {
            return crashed();
        }
        let (status, state, class) = match self.code {
            "RESOURCE_DOES_NOT_EXIST" => (404, "KAM00", "RESOURCE_NOT_FOUND"),
            "RESOURCE_ALREADY_EXISTS" => (400, "KAM00", "RESOURCE_ALREADY_EXISTS"),
            "FEATURE_DISABLED" => (500, "KAM00", "FEATURE_DISABLED"),
            "INTERNAL_ERROR" => (500, "XXM00", "CLIENT_INTERNAL_ERROR"),
            _ => (400, "KAM00", "INVALID_PARAMETER_VALUE"),
        };
        Reply::json(
            status,
            json!({
                "error_code": self.code,
                "message": self.message,
                "sqlstate": state,
                "error_class": class,
            }),
        )
    }
}

const HELP: &str = "See the API docs for more information about request parameters.";

/// The web framework's page for a route it does not have.
pub(crate) fn no_route() -> Reply {
    page(
        404,
        "Not Found",
        "The requested URL was not found on the server. If you entered the URL manually please \
         check your spelling and try again.",
    )
}

/// The web framework's page for a route that has other methods.
pub(crate) fn wrong_method(allowed: &str) -> Reply {
    page(
        405,
        "Method Not Allowed",
        "The method is not allowed for the requested URL.",
    )
    .with_header("allow", allowed)
}

/// The web framework's page for an error nobody caught.
fn crashed() -> Reply {
    page(
        500,
        "Internal Server Error",
        "The server encountered an internal error and was unable to complete your request. Either \
         the server is overloaded or there is an error in the application.",
    )
}

fn page(status: u16, title: &str, text: &str) -> Reply {
    Reply::html(
        status,
        format!(
            "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n"
        ),
    )
}
