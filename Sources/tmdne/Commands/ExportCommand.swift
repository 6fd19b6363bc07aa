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
        discussion: "Lines are in grid order. Paths of images are inside the directory, timings are in seconds.")

    @Argument(help: "The directory of the sweep.")
    var directory: String

    @Option(help: "csv or jsonl.")
    var format = Format.jsonl

    func run() throws {
        let reader = try SweepReader(SweepDirectory(URL(filePath: directory)))
        let output = FileHandle.standardOutput
        switch format {
        case .csv: try Export.csv(reader) { try output.write(contentsOf: $0) }
        case .jsonl: try Export.jsonl(reader) { try output.write(contentsOf: $0) }
        }
    }
}
