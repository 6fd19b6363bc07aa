import ArgumentParser
import Coordinator
import Foundation

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Puts the failed cells of a sweep back to be tried again.",
        discussion: "A running coordinator takes them up at once; otherwise the next `tmdne resume` does.")

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Flag(help: "Retries the failed cells, which is what it does without this flag too.")
    var failed = false

    func run() async throws {
        let count = try await directory.sweep.retryFailed()
        if let count {
            Console.print(
                count == 0
                    ? "No cell has failed."
                    : "\(count) cells will be tried again by the next `tmdne run` or `tmdne resume \(directory)`.")
        } else {
            Console.print("The running coordinator will try the failed cells again.")
        }
    }
}

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Lets a running coordinator grant nothing more for now.",
        discussion: "What workers have begun is finished and kept. `tmdne pause --off` with the same directory goes on."
    )

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Flag(help: "Goes on granting.")
    var off = false

    func run() throws {
        try ask(off ? .resume : .pause, in: directory)
        Console.print(
            off ? "The coordinator goes on." : "The coordinator pauses; `tmdne pause --off \(directory)` goes on.")
    }
}

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Lets a running coordinator end once its workers have delivered what they hold.",
        discussion: "`tmdne resume` goes on with the rest.")

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    func run() throws {
        try ask(.drain, in: directory)
        Console.print("The coordinator grants nothing more, and ends once its workers have delivered.")
    }
}

/// Leaves `request` for the coordinator of `directory`, which must be running.
private func ask(_ request: SweepRequest, in directory: DirectoryArgument) throws {
    let sweep = directory.sweep
    guard try sweep.isServed() else { throw CoordinatorError.notServed(directory: directory.description) }
    try sweep.submit(request)
}
