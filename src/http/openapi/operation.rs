//! What the description of one operation is made of: its words, its fields, its answers, its calls.
//!
//! In: what the file of an API family says. Out: values that the document, the page and the tests
//! read alike. Deliberately absent: any form of writing them.

use crate::core::names::closed_list;
use crate::core::schema::Schema;

closed_list! {
    /// The families of routes. Each has its way to say who calls, and its shape of refusals.
    pub enum Family {
        /// For backends: payments, events and signups, in the shape of Linkrunner's server API. The project's server key stands in the header `linkrunner-key`.
        Linkrunner = "Server API",
        /// For apps: what Linkrunner's mobile SDKs send. The project's client token stands in the body, as `token`.
        Client = "Client API",
        /// For sites: payments of visitors, in the shape of Faurya's API. The project's site key stands behind `Authorization: Bearer`.
        Faurya = "Site API",
        /// For payment providers: their own webhooks, believed by their own signatures.
        Webhooks = "Webhooks",
        /// For load balancers and for readers of this page. Nobody has to say who they are.
        Service = "Service",
        /// For operators, on the admin listener (`http://127.0.0.1:8081` unless configured otherwise). Beyond the loopback it wants the admin token behind `Authorization: Bearer`.
        Admin = "Admin API",
    }
}

closed_list! {
    /// The methods of HTTP that have a meaning here.
    pub enum Method {
        /// Looks.
        Get = "get",
        /// Tells.
        Post = "post",
        /// Takes back.
        Delete = "delete",
    }
}

/// One method of one route.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its family.
    pub family: Family,
    /// How it is called.
    pub method: Method,
    /// Where; parameters stand in braces.
    pub path: &'static str,
    /// Its name for programs, unique.
    pub id: &'static str,
    /// Its name for people.
    pub summary: &'static str,
    /// What happens, and what is never silent.
    pub says: String,
    /// What stands in the path, the query and the headers.
    pub parameters: Vec<Parameter>,
    /// What it takes.
    pub body: Option<Body>,
    /// What it answers, each status once.
    pub answers: Vec<Answer>,
    /// Examples; every one of them is executed by a test.
    pub calls: Vec<Call>,
}

/// A parameter of the path or the query.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a part of the path.
    pub in_path: bool,
    /// What it may be, with a sentence.
    pub schema: Schema,
}

/// What an operation takes.
#[derive(Debug, Clone)]
pub struct Body {
    /// What it may be.
    pub schema: Schema,
    /// Largest size, in bytes.
    pub bytes_max: usize,
    /// Whether it may also be one value a line.
    pub lines: bool,
}

/// What an operation answers under one status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When.
    pub says: String,
    /// The media type.
    pub media: &'static str,
    /// The shape of the body.
    pub schema: Schema,
    /// The headers that come with it: their names among the components.
    pub headers: Vec<&'static str>,
}

/// An example: a call, and the status that answers it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name, unique within its operation.
    pub name: &'static str,
    /// What is answered.
    pub status: u16,
    /// Values of parameters, and which provider signs.
    pub with: Vec<(&'static str, &'static str)>,
    /// Whether the caller says who they are.
    pub keyed: bool,
    /// The body, as a person writes it; empty for none.
    pub body: &'static str,
    /// What was called before: an operation's id, and the name of its example.
    pub after: Vec<(&'static str, &'static str)>,
    /// Whether Meta has refused the event of what was called before.
    pub refused: bool,
}

impl Operation {
    /// An operation of which only its place is known.
    #[must_use]
    pub fn new(family: Family, method: Method, path: &'static str, id: &'static str) -> Self {
        Self {
            family,
            method,
            path,
            id,
            summary: "",
            says: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// With its name and its description.
    #[must_use]
    pub fn says(mut self, summary: &'static str, says: impl Into<String>) -> Self {
        self.summary = summary;
        self.says = says.into();
        self
    }

    /// With a part of the path.
    #[must_use]
    pub fn at(mut self, name: &'static str, schema: Schema) -> Self {
        self.parameters.push(Parameter { name, in_path: true, schema });
        self
    }

    /// With a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, schema: Schema) -> Self {
        self.parameters.push(Parameter { name, in_path: false, schema });
        self
    }

    /// With what it takes.
    #[must_use]
    pub fn takes(mut self, schema: Schema, bytes_max: usize) -> Self {
        self.body = Some(Body { schema, bytes_max, lines: false });
        self
    }

    /// The same with one value a line.
    #[must_use]
    pub fn takes_lines(mut self, schema: Schema, bytes_max: usize) -> Self {
        self.body = Some(Body { schema, bytes_max, lines: true });
        self
    }

    /// With an answer; it replaces one of the same status.
    #[must_use]
    pub fn answers(mut self, answer: Answer) -> Self {
        self.answers.retain(|known| known.status != answer.status);
        self.answers.push(answer);
        self.answers.sort_by_key(|answer| answer.status);
        self
    }

    /// With several answers.
    #[must_use]
    pub fn all(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        answers.into_iter().fold(self, Self::answers)
    }

    /// With an example.
    #[must_use]
    pub fn call(mut self, call: Call) -> Self {
        self.calls.push(call);
        self
    }
}

impl Answer {
    /// An answer in JSON.
    #[must_use]
    pub fn new(status: u16, says: impl Into<String>, schema: Schema) -> Self {
        let (says, headers) = (says.into(), Vec::new());
        Self { status, says, media: "application/json", schema, headers }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }

    /// As text of this media type.
    #[must_use]
    pub fn media(mut self, media: &'static str) -> Self {
        self.media = media;
        self
    }
}

impl Call {
    /// A call whose caller says who they are.
    #[must_use]
    pub fn new(name: &'static str, status: u16, body: &'static str) -> Self {
        Self {
            name,
            status,
            with: Vec::new(),
            keyed: true,
            body,
            after: Vec::new(),
            refused: false,
        }
    }

    /// With the value of a parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.with.push((name, value));
        self
    }

    /// Once Meta has refused the event of what was called before.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    /// By somebody who does not say who they are.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.keyed = false;
        self
    }

    /// After the example of this name of another operation.
    #[must_use]
    pub fn after(mut self, id: &'static str, name: &'static str) -> Self {
        self.after.push((id, name));
        self
    }
}
