import ArgumentParser
import Coordinator
import Foundation

struct SheetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sheet",
        abstract: "Draws a labelled contact sheet for each prompt: rows are styles, columns are guidance.",
        discussion: """
            What is not rendered yet is drawn as its state, so that a sheet can be made at any time. Any two axes can be \
            spread out; the others make a sheet for each of their values:

            tmdne sheet mathematicians --down prompt --across guidance -o prompts.pdf
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(
        name: .shortAndLong, help: "Where to write: .png, several sheets are numbered, or .pdf, with a page for each.")
    var output: String

    @Option(help: "Edge of a picture on the sheet, in pixels; its own size, up to 192, unless given.")
    var tile: Int?

    @Option(help: "The most columns side by side; more are wrapped.")
    var columns = ContactSheet.Options().columns

    @Option(help: "The axis whose values are rows.")
    var down = ContactSheet.Options().down

    @Option(help: "The axis whose values are columns.")
    var across = ContactSheet.Options().across

    func run() throws {
        let directory = self.directory.sweep
        let reader = try SweepReader(directory)
        let options = ContactSheet.Options(tile: tile, columns: columns, down: down, across: across)
        do {
            for path in try ContactSheet.write(reader, directory, to: output, options: options) { Console.print(path) }
            if let label = try ContactSheet.labelsWithoutFont(reader).first {
                Console.note(
                    "No font here has all letters of “\(label.prefix(60))”, so boxes stand for some; install one, such as the package "
                        + "fonts-noto-cjk or fonts-noto-core, and draw again.")
            }
        } catch let error as CoordinatorError {
            guard case .option = error else { throw error }
            throw ValidationError("\(error)")
        }
    }
}

extension GridAxis: ExpressibleByArgument {}
