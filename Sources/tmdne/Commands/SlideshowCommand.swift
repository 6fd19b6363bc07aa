import ArgumentParser
import Coordinator
import Foundation

struct SlideshowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slideshow",
        abstract: "Makes a film of the images that were kept, 3 seconds each, with ffmpeg.",
        discussion: """
            The ending of the file chooses the format: .mp4 (H.264), .webm (VP9) or .gif. The command is printed, and its \
            frames stay in the directory, so that it can be run again in other ways.

            tmdne slideshow mathematicians -o slideshow.mp4
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(name: .shortAndLong, help: "The file to write.")
    var output: String

    @Option(help: "grid or guidance.")
    var order = Slideshow.Order.grid

    @Flag(help: "Shows images that were not kept, too.")
    var all = false

    @Flag(help: "Writes prompt, style and guidance below each image.")
    var captions = false

    @Flag(help: "Lets images fade into one another for half a second.")
    var fade = false

    func run() throws {
        var options = Slideshow.Options()
        options.order = order
        options.showsAll = all
        options.hasCaptions = captions
        options.isFading = fade
        let show = try Slideshow(
            directory.sweep, output: URL(filePath: output), options: options)
        Console.note(show.commandLine)
        try show.run { share in
            if Console.isTerminal { Console.rewrite(ProgressText.bar(share: share)) }
        }
        if Console.isTerminal { Console.note("") }
        Console.print("\(output): \(show.imageCount) images, \(show.imageCount * Slideshow.secondsPerImage) s")
    }
}

extension Slideshow.Order: ExpressibleByArgument {}
