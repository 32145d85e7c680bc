//! Errors of containers.

use std::path::PathBuf;

/// The origin of an error, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine is missing, refuses a call, or fails.
    Tool,
    /// The scenario names something that does not exist or cannot run here.
    Input,
}

/// Why the container engine cannot do what a launch needs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no container engine: there is no socket {}; start one with: sudo systemctl start docker, or name its socket with: \
         export DOCKER_HOST=unix:///path/to/docker.sock", socket.display()
    )]
    NoEngine { socket: PathBuf },
    /// The socket exists, but no engine answers.
    #[error(
        "the container engine does not answer at {}: {message}; check with: systemctl status docker; docker version",
        socket.display()
    )]
    NoAnswer { socket: PathBuf, message: String },
    /// This user may not open the socket.
    #[error(
        "this user may not use the container engine's socket {}; join its group with: \
         sudo usermod -aG docker \"$USER\" && newgrp docker", socket.display()
    )]
    NotPermitted { socket: PathBuf },
    /// `DOCKER_HOST` is another host, whose processes are not readable.
    #[error(
        "DOCKER_HOST={host} is not a local socket, and a target on another host cannot be measured; unset it with: \
         unset DOCKER_HOST, or name a socket as in unix:///var/run/docker.sock"
    )]
    NotLocal { host: String },
    /// The engine has no such image.
    #[error(
        "image {image} is not on this host, and a run never pulls; get it with: docker pull {image}, or from a file with: \
         docker load -i FILE"
    )]
    NoImage { image: String },
    /// The image is for other hardware.
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
    /// No image could be built from a binary.
    #[error("no image can be built from the binary: {0}")]
    NoBuild(#[from] harness_image::Error),
    /// The container has no address on the bridge.
    #[error("the container {name} has no address on its network; check with: docker network ls; docker inspect {name}")]
    NoAddress { name: String },
    /// The engine runs in another pid namespace.
    #[error(
        "the process {pid} that the engine reports is not the container's here, because harness and the engine run in different pid \
         namespaces; run it on the host itself, or with: docker run --pid host"
    )]
    Elsewhere {
        /// The process id that the engine reported.
        pid: i32,
    },
    /// Any other call that the engine refuses.
    #[error("the container engine could not {doing}: {message}; check with: docker info; journalctl -u docker -n 20")]
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

    /// Creates the error of a call that has no error of its own.
    pub(super) fn refused(doing: &str) -> impl FnOnce(bollard::errors::Error) -> Self {
        let doing = doing.to_owned();
        move |error| Self::Refused { doing, message: engine_message(&error) }
    }
}

/// Returns the engine's message without the prefix of the client.
pub(super) fn engine_message(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Returns whether the engine answered that the object does not exist.
pub(super) fn is_absent(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: 404, .. })
}
