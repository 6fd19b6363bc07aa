import ArgumentParser
import Coordinator
import Foundation

struct ExportCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case csv
        case jsonl
    }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes one line a position of the grid: parameters, state, image and timings.",
        discussion: """
            Lines are in grid order. Paths of images are inside the directory, timings are in seconds. With --links there is \
            a link for each image instead, under a name of your choice:

            tmdne export mathematicians --links flat --name 'image({n}).png' --kept
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(help: "csv or jsonl.")
    var format = Format.jsonl

    @Option(help: "Makes links to the images in this folder.")
    var links: DirectoryArgument?

    @Option(help: "What the links are called; {prompt}, {style}, {guidance}, {seed}, {n} and others are filled in.")
    var name = "{prompt}/{style}/g{guidance}.png"

    @Flag(help: "Links only the images that were kept.")
    var kept = false

    func run() throws {
        let sweep = directory.sweep
        let reader = try SweepReader(sweep)
        if let links {
            let count = try ImageLinks.make(
                reader, sweep, in: URL(filePath: links.description), pattern: LinkPattern(name), isKeptOnly: kept)
            return Console.print("\(count) links in \(links)")
        }
        switch format {
        case .csv: try Export.csv(reader, write: Console.print(part:))
        case .jsonl: try Export.jsonl(reader, write: Console.print(part:))
        }
    }
}
