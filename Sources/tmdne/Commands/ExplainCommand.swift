import ArgumentParser
import Coordinator
import Foundation

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says why a cell or a worker of a sweep is where it is.",
        discussion: """
            Reads the directory beside a running coordinator; nothing is changed.

            tmdne explain demo 17          the cell of position 17
            tmdne explain demo 0b5e8b02    the cell whose key begins so
            tmdne explain demo ada         the worker of that name
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Argument(help: "A position, the beginning of a cell's key, or a worker's name.")
    var subject: String

    func run() throws {
        let lines = try SweepReader(directory.sweep).explain(subject)
        for line in lines { Console.print(line) }
    }
}
