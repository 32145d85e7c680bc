//! What can go wrong with containers.

use std::path::PathBuf;

/// Whose fault an error is; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine is missing, refuses us, or fails.
    Tool,
    /// The scenario names what is not there or cannot run here.
    Input,
}

/// What can go wrong between us and the container engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no container engine: there is no socket {}; start one with: sudo systemctl start docker, or name its socket with: \
         export DOCKER_HOST=unix:///path/to/docker.sock", socket.display()
    )]
    NoEngine { socket: PathBuf },
    /// A socket, and nobody behind it.
    #[error(
        "the container engine does not answer at {}: {message}; look with: systemctl status docker; docker version",
        socket.display()
    )]
    NoAnswer { socket: PathBuf, message: String },
    /// The socket is not for us.
    #[error(
        "the container engine's socket {} is not permitted to this user; join its group with: \
         sudo usermod -aG docker \"$USER\" && newgrp docker", socket.display()
    )]
    NotPermitted { socket: PathBuf },
    /// `DOCKER_HOST` is another host, whose processes cannot be read.
    #[error(
        "DOCKER_HOST={host} is no local socket, and a target on another host cannot be measured; unset it with: \
         unset DOCKER_HOST, or name a socket as in unix:///var/run/docker.sock"
    )]
    NotLocal { host: String },
    /// The engine has no such image.
    #[error(
        "image {image} is not on this host, and a run never pulls; get it with: docker pull {image}, or from a file with: \
         docker load -i FILE"
    )]
    NoImage { image: String },
    /// The image is for other machines.
    #[error(
        "image {image} is for {is}, this host is {host}; get the other one with: docker pull --platform linux/{host} {image}"
    )]
    WrongArchitecture { image: String, is: String, host: String },
    /// The image's program cannot be started.
    #[error(
        "the program of image {image} cannot be started: {message}; look at what it runs with: docker image inspect --format \
         '{{{{.Config.Entrypoint}}}} {{{{.Config.Cmd}}}}' {image}, and correct target.container.command"
    )]
    NoProgram { image: String, message: String },
    /// An image could not be made of a binary.
    #[error("no image can be made of the binary: {0}")]
    NoBuild(#[from] harness_image::Error),
    /// The container has no address on the bridge.
    #[error("the container {name} got no address on its network; look with: docker network ls; docker inspect {name}")]
    NoAddress { name: String },
    /// The engine counts processes in another namespace.
    #[error(
        "the engine's process {pid} is not the container's as seen from here: harness runs in another pid namespace than the \
         engine; run it on the host itself, or with: docker run --pid host"
    )]
    Elsewhere {
        /// The number that the engine told.
        pid: i32,
    },
    /// Anything else that the engine refuses.
    #[error("the container engine could not {doing}: {message}; look with: docker info; journalctl -u docker -n 20")]
    Refused { doing: String, message: String },
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

    /// For what the engine refuses without a meaning of its own.
    pub(super) fn refused(doing: &str) -> impl FnOnce(bollard::errors::Error) -> Self {
        let doing = doing.to_owned();
        move |error| Self::Refused { doing, message: told(&error) }
    }
}

/// The engine's own words, without the client's frame around them.
pub(super) fn told(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Whether the engine said that there is no such thing.
pub(super) fn is_absent(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: 404, .. })
}
