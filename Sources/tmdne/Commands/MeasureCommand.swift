import ArgumentParser
import Coordinator
import Foundation
import Web

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measures the images of a sweep that rests: contrast, sharpness, clipped pixels, saturation.",
        discussion: """
            A coordinator with pages measures images as they arrive, so this is for sweeps that ran without, and for \
            reading what is written on them. Measures are hints; `tmdne export` writes them with everything else.

            tmdne measure mathematicians --read-text
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Flag(help: "Reads what is written on the images, too, with tesseract: about a second an image.")
    var readText = false

    func run() async throws {
        let boardReader = readText ? try BoardReader() : nil
        let reviewed = try ReviewedDirectory(directory.sweep)
        let result: Result<(measured: Int, read: Int), any Error>
        do {
            var curator = try Curator(reviewed.directory, reviews: reviewed.reviews, boardReader: boardReader)
            result = .success(
                try await curator.catchUp { measured, read in
                    if Console.isTerminal { Console.rewrite("\(measured) measured, \(read) read") }
                })
        } catch {
            result = .failure(error)
        }
        await reviewed.close()
        if Console.isTerminal { Console.note("") }
        let done = try result.get()
        Console.print("\(done.measured) images measured\(readText ? ", \(done.read) read" : "")")
    }
}
