import CPango
import Foundation

/// A PDF file in the making, page by page; it owns cairo's surface.
final class PDF {
    /// Points of a pixel: 96 of them are an inch, as on the web.
    private static let scale = 0.75

    private let surface: OpaquePointer
    private let path: String

    /// - Throws: ``CoordinatorError/file(path:action:problem:isDiskFull:)`` when the file can't be made.
    init(path: String) throws {
        self.path = path
        guard let surface = cairo_pdf_surface_create(path, 1, 1) else {
            throw CoordinatorError.drawing(problem: "cairo gave no surface")
        }
        self.surface = surface
        do {
            try check()
        } catch {
            cairo_surface_destroy(surface)
            throw error
        }
    }

    deinit {
        cairo_surface_destroy(surface)
    }

    /// The next page, of a size in pixels.
    func page(width: Int, height: Int, background: Color) throws -> Canvas {
        cairo_pdf_surface_set_size(surface, Double(width) * Self.scale, Double(height) * Self.scale)
        return try Canvas(
            width: width, height: height, background: background, pageOf: surface, scale: Self.scale)
    }

    /// Writes what is left and gives the file its name.
    func finish(renamingTo name: String) throws {
        cairo_surface_finish(surface)
        try check()
        guard rename(path, name) == 0 else { throw DurableFile.error(name, "Replacing") }
    }

    /// What went wrong while drawing stays in the surface.
    private func check() throws {
        let status = cairo_surface_status(surface)
        guard status == CAIRO_STATUS_SUCCESS else {
            throw CoordinatorError.file(
                path: path, action: "Writing", problem: String(cString: cairo_status_to_string(status)),
                isDiskFull: false)
        }
    }
}
