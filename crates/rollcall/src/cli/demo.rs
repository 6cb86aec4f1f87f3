//! demo
use std::process::ExitCode;
#[derive(clap::Args, Debug)]
pub(super) struct Args {}
pub(super) async fn run(_: Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
