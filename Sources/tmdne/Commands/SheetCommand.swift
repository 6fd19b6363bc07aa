import ArgumentParser
import Coordinator
import Foundation

struct SheetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sheet",
        abstract: "Draws a labelled contact sheet for each prompt: rows are styles, columns are guidance.",
        discussion: "What is not rendered yet is drawn as its state, so that a sheet can be made at any time.")

    @Argument(help: "The directory of the sweep.")
    var directory: String

    @Option(name: .shortAndLong, help: "Where to write the PNG; several sheets are numbered.")
    var output: String

    func run() throws {
        let directory = SweepDirectory(URL(filePath: directory))
        let reader = try SweepReader(directory)
        for path in try ContactSheet.write(reader, directory, to: output) { Console.print(path) }
    }
}
