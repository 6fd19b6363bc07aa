import ArgumentParser
import SharedModel

/// The command line. Commands parse, call the modules and print; they decide nothing else.
@main
struct TMDNE: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tmdne",
        abstract: "Renders grids of Stable Diffusion images on one machine or many.",
        discussion: """
            A sweep file lists prompts, styles and guidance scales. `tmdne run sweep.yaml` renders all of it here; \
            `tmdne coordinator sweep.yaml` hands it out to the workers that join. Whatever is interrupted goes on with \
            the same command, and nothing that is done is done again.

            Exit codes: 0 done or drained as asked, 1 failed, 2 some cells failed, 64 wrong usage, 78 refused for good (wrong token or \
            version).
            """,
        version: Program.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Sweeps",
                subcommands: [RunCommand.self, PlanCommand.self, StatusCommand.self, ResumeCommand.self]),
            CommandGroup(
                name: "Several hosts", subcommands: [CoordinatorCommand.self, WorkerCommand.self, TokenCommand.self]),
            CommandGroup(
                name: "A running sweep",
                subcommands: [
                    ExplainCommand.self, PrioritiseCommand.self, RetryCommand.self, PauseCommand.self,
                    DrainCommand.self,
                ]),
            CommandGroup(
                name: "Results",
                subcommands: [
                    WebCommand.self, SiteCommand.self, SlideshowCommand.self, ExportCommand.self, SheetCommand.self,
                    MeasureCommand.self,
                ]),
            CommandGroup(name: "Integrity", subcommands: [CheckCommand.self, RebuildCommand.self, VerifyCommand.self]),
            CommandGroup(
                name: "Models and images",
                subcommands: [RenderCommand.self, ModelCommand.self, DoctorCommand.self]),
            CommandGroup(name: "Development", subcommands: [BenchCommand.self, SimulateCommand.self]),
        ])

    static func main() async {
        StartEnvironment.apply()
        await main(nil)
        Console.exitIfIncomplete()
    }
}
