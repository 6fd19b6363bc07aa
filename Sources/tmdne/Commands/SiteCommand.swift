import ArgumentParser
import Coordinator
import Foundation
import Web

struct SiteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "site",
        abstract: "Makes a static web site of the images that were kept.",
        discussion: """
            A random image at each visit and every 15 seconds, its recipe, a wall, the grid and the map of flaws. It works \
            from a folder as from any web server.

            tmdne site mathematicians -o public/
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(name: .shortAndLong, help: "The folder to write; an empty one, or that of an earlier site.")
    var output: String

    @Option(help: "What the site is called.")
    var title = SiteBuilder.Options().title

    func run() throws {
        let builder = try SiteBuilder(
            directory.sweep, options: SiteBuilder.Options(title: title))
        let folder = URL(filePath: output)
        try builder.write(to: folder) { count in
            if Console.isTerminal { Console.rewrite("\(count) of \(builder.imageCount) images") }
        }
        if Console.isTerminal { Console.note("") }
        Console.print("\(folder.appending(path: "index.html").relativePath)")
    }
}
