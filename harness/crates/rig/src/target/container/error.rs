//! Errors of containers.

use std::fmt;
use std::path::PathBuf;

/// The largest number of characters of an engine's message that is kept.
const MESSAGE: usize = 1000;

/// The origin of an error, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine is missing, refuses a call, or fails.
    Tool,
    /// The scenario names something that does not exist or cannot run here.
    Input,
}

/// The reason why the container engine cannot do what a launch needs.
#[derive(Debug)]
pub enum Error {
    NoEngine {
        socket: PathBuf,
    },
    /// The socket exists, but no engine answers.
    NoAnswer {
        socket: PathBuf,
        message: String,
    },
    /// This user may not open the socket.
    NotPermitted {
        socket: PathBuf,
    },
    /// `DOCKER_HOST` is another host, whose processes are not readable.
    NotLocal {
        host: String,
    },
    /// The engine has no such image.
    NoImage {
        image: String,
    },
    /// The image is for other hardware.
    WrongArchitecture {
        image: String,
        is: String,
        host: String,
    },
    /// The image's program cannot be started.
    NoProgram {
        image: String,
        message: String,
    },
    /// No image could be built from a binary.
    NoBuild(harness_image::Error),
    /// The container has no address on the bridge.
    NoAddress {
        name: String,
    },
    /// The engine runs in another pid namespace.
    Elsewhere {
        /// The process id that the engine reported.
        pid: i32,
    },
    /// Any other call that the engine refuses.
    Refused {
        doing: String,
        message: String,
    },
}

impl From<harness_image::Error> for Error {
    fn from(error: harness_image::Error) -> Self {
        Self::NoBuild(error)
    }
}

impl Error {
    /// Describes what failed.
    pub fn problem(&self) -> String {
        match self {
            Self::NoEngine { socket } => format!("no container engine: there is no socket {}", socket.display()),
            Self::NoAnswer { socket, message } => {
                format!("the container engine does not answer at {}: {message}", socket.display())
            }
            Self::NotPermitted { socket } => {
                format!("this user may not use the container engine's socket {}", socket.display())
            }
            Self::NotLocal { host } => {
                format!("DOCKER_HOST={host} is not a local socket, and a target on another host cannot be measured")
            }
            Self::NoImage { image } => format!("image {image} is not on this host, and a run never pulls"),
            Self::WrongArchitecture { image, is, host } => format!("image {image} is for {is}, this host is {host}"),
            Self::NoProgram { image, message } => {
                format!("the program of image {image} cannot be started: {message}")
            }
            Self::NoBuild(_) => "no image can be built from the binary".to_owned(),
            Self::NoAddress { name } => format!("the container {name} has no address on its network"),
            Self::Elsewhere { pid } => format!(
                "the process {pid} that the engine reports is not the container's here, because harness and the engine run in \
                 different pid namespaces"
            ),
            Self::Refused { doing, message } => format!("the container engine could not {doing}: {message}"),
        }
    }

    /// Describes what to do; the cause of [`Error::NoBuild`] says it.
    pub fn remedy(&self) -> Option<String> {
        let remedy = match self {
            Self::NoEngine { .. } => "start one with: sudo systemctl start docker, or name its socket with: \
                 export DOCKER_HOST=unix:///path/to/docker.sock"
                .to_owned(),
            Self::NoAnswer { .. } => "check with: systemctl status docker; docker version".to_owned(),
            Self::NotPermitted { .. } => {
                "join its group with: sudo usermod -aG docker \"$USER\" && newgrp docker".to_owned()
            }
            Self::NotLocal { .. } => {
                "unset it with: unset DOCKER_HOST, or name a socket as in unix:///var/run/docker.sock".to_owned()
            }
            Self::NoImage { image } => {
                format!("get it with: docker pull {image}, or from a file with: docker load -i FILE")
            }
            Self::WrongArchitecture { image, host, .. } => {
                format!("get the other one with: docker pull --platform linux/{host} {image}")
            }
            Self::NoProgram { image, .. } => format!(
                "inspect it with: docker image inspect --format '{{{{.Config.Entrypoint}}}} {{{{.Config.Cmd}}}}' {image}, and \
                 correct target.container.command"
            ),
            Self::NoBuild(_) => return None,
            Self::NoAddress { name } => format!("check with: docker network ls; docker inspect {name}"),
            Self::Elsewhere { .. } => "run it on the host itself, or with: docker run --pid host".to_owned(),
            Self::Refused { .. } => "check with: docker info; journalctl -u docker -n 20".to_owned(),
        };
        Some(remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.problem())?;
        self.remedy().map_or(Ok(()), |remedy| write!(out, "; {remedy}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoBuild(cause) => Some(cause),
            _ => None,
        }
    }
}

impl Error {
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NoBuild(harness_image::Error::Unwritable { .. }) => Fault::Tool,
            Self::NoImage { .. } | Self::WrongArchitecture { .. } | Self::NoProgram { .. } | Self::NoBuild(_) => {
                Fault::Input
            }
            _ => Fault::Tool,
        }
    }

    /// Creates the error of a call that has no error of its own.
    pub(crate) fn refused(doing: &str) -> impl FnOnce(bollard::errors::Error) -> Self {
        let doing = doing.to_owned();
        move |error| Self::Refused { doing, message: engine_message(&error) }
    }
}

/// Returns the engine's message without the prefix of the client, or what is wrong with its answer.
pub(super) fn engine_message(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error as Answer;
    let message = match error {
        Answer::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Answer::RequestTimeoutError => "it did not answer in time".to_owned(),
        Answer::JsonDataError { .. } | Answer::JsonSerdeError { .. } => {
            "its answer is not the JSON of an engine".to_owned()
        }
        other => {
            let causes = std::iter::successors(Some(other as &dyn std::error::Error), |error| error.source());
            causes.last().map_or_else(String::new, ToString::to_string)
        }
    };
    message.chars().take(MESSAGE).collect()
}

/// Returns whether the engine answered that the object does not exist.
pub(crate) fn is_absent(error: &bollard::errors::Error) -> bool {
    status(error) == Some(404)
}

/// Returns the status of the engine's answer; `None` without an answer.
pub(super) const fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
