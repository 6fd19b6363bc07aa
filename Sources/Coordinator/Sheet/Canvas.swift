import CPango
import PNG

/// A picture in the making, drawn by cairo and pango.
///
/// It owns the C objects; nothing of them leaves this file. Lengths are pixels, the origin is the upper left corner.
/// An error of cairo's stays in its context, so that drawing does not throw but ``png()`` does.
final class Canvas {
    private let width: Int
    private let height: Int
    private let surface: OpaquePointer
    private let context: OpaquePointer

    /// A canvas filled with one colour.
    ///
    /// - Throws: ``CoordinatorError/drawing(problem:)`` when cairo can't make one of this size.
    init(width: Int, height: Int, background: Color) throws {
        let surface = try Self.makeSurface(width: width, height: height)
        guard let context = cairo_create(surface) else {
            cairo_surface_destroy(surface)
            throw CoordinatorError.drawing(problem: "cairo gave no context")
        }
        self.width = width
        self.height = height
        self.surface = surface
        self.context = context
        setSource(background)
        cairo_paint(context)
    }

    /// A canvas that is a page of `surface`, which it keeps alive; one pixel is `scale` units there.
    ///
    /// - Throws: ``CoordinatorError/drawing(problem:)`` when memory runs out.
    init(width: Int, height: Int, background: Color, pageOf surface: OpaquePointer, scale: Double) throws {
        guard let context = cairo_create(surface) else {
            throw CoordinatorError.drawing(problem: "cairo gave no context")
        }
        cairo_surface_reference(surface)
        self.width = width
        self.height = height
        self.surface = surface
        self.context = context
        cairo_scale(context, scale, scale)
        setSource(background)
        cairo_paint(context)
    }

    /// Ends a page; what is drawn later stands on the next.
    func endPage() {
        cairo_show_page(context)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    func fill(_ area: Rectangle, _ color: Color) {
        setSource(color)
        addPath(area)
        cairo_fill(context)
    }

    /// Draws `image` scaled to fill `area`.
    ///
    /// - Throws: ``CoordinatorError/drawing(problem:)`` when memory runs out.
    func draw(_ image: PNGImage, in area: Rectangle) throws {
        let source = try Self.makeSurface(image)
        defer { cairo_surface_destroy(source) }
        cairo_save(context)
        defer { cairo_restore(context) }
        addPath(area)
        cairo_clip(context)
        cairo_translate(context, area.x, area.y)
        cairo_scale(context, area.width / Double(image.width), area.height / Double(image.height))
        cairo_set_source_surface(context, source, 0, 0)
        let pattern = cairo_get_source(context)
        // Beyond its edges the image repeats them, or scaling would blend its border with nothing.
        cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD)
        cairo_pattern_set_filter(pattern, CAIRO_FILTER_GOOD)
        cairo_paint(context)
    }

    /// Size that `text` takes when it is wrapped at `width`.
    func size(of text: String, _ style: TextStyle, width: Double) -> (width: Double, height: Double) {
        withLayout(text, style, width: width) { layout in
            var extents = PangoRectangle()
            pango_layout_get_pixel_extents(layout, nil, &extents)
            return (Double(extents.width), Double(extents.height))
        }
    }

    /// Letters of `text` for which no font here has a shape; boxes stand for them.
    func lettersWithoutFont(in text: String) -> Int {
        withLayout(text, TextStyle(size: 16, color: SheetPalette.ink, maximumLines: .max), width: 1000) { layout in
            Int(pango_layout_get_unknown_glyphs_count(layout))
        }
    }

    /// Draws `text` wrapped at the width of `area`, from its top.
    func draw(_ text: String, _ style: TextStyle, x: Double, y: Double, width: Double) {
        withLayout(text, style, width: width) { layout in
            setSource(style.color)
            cairo_move_to(context, x, y)
            pango_cairo_show_layout(context, layout)
        }
    }

    /// What has been drawn, as a PNG file.
    ///
    /// - Throws: ``CoordinatorError/drawing(problem:)`` when a step of the drawing failed or memory runs out.
    func png() throws -> [UInt8] {
        let pixels = try pixels()
        do {
            return try PNGImage(width: width, height: height, pixels: pixels).encode()
        } catch {
            throw CoordinatorError.drawing(problem: error.description)
        }
    }

    /// `[height, width, 3]`, red first.
    private func pixels() throws -> [UInt8] {
        cairo_surface_flush(surface)
        try Self.check(cairo_status(context))
        try Self.check(cairo_surface_status(surface))
        let stride = Int(cairo_image_surface_get_stride(surface))
        guard let rows = UnsafeRawPointer(cairo_image_surface_get_data(surface)) else {
            throw CoordinatorError.drawing(problem: "cairo gave no pixels")
        }
        let count = width * height * 3
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var next = 0
            for y in 0..<height {
                for x in 0..<width {
                    let pixel = rows.load(fromByteOffset: y * stride + x * 4, as: UInt32.self)
                    buffer[next] = UInt8(truncatingIfNeeded: pixel >> 16)
                    buffer[next + 1] = UInt8(truncatingIfNeeded: pixel >> 8)
                    buffer[next + 2] = UInt8(truncatingIfNeeded: pixel)
                    next += 3
                }
            }
            initialized = count
        }
    }

    private func setSource(_ color: Color) {
        cairo_set_source_rgb(context, color.red, color.green, color.blue)
    }

    private func addPath(_ area: Rectangle) {
        cairo_rectangle(context, area.x, area.y, area.width, area.height)
    }

    private func withLayout<Value>(
        _ text: String, _ style: TextStyle, width: Double, _ body: (OpaquePointer?) -> Value
    ) -> Value {
        let layout = pango_cairo_create_layout(context)
        defer { g_object_unref(layout.map { UnsafeMutableRawPointer($0) }) }
        Self.setFontOptions(of: layout)
        let font = pango_font_description_new()
        defer { pango_font_description_free(font) }
        pango_font_description_set_family(font, "Sans")
        pango_font_description_set_weight(font, style.isBold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL)
        pango_font_description_set_absolute_size(font, style.size * Double(PANGO_SCALE))
        pango_layout_set_font_description(layout, font)
        pango_layout_set_alignment(layout, style.isCentered ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT)
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR)
        // A line end inside a prompt is shown as a sign: pango counts lines by paragraph.
        pango_layout_set_single_paragraph_mode(layout, 1)
        pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END)
        pango_layout_set_height(layout, -Int32(clamping: style.maximumLines))
        pango_layout_set_width(layout, Int32(width * Double(PANGO_SCALE)))
        // Set as text and never as markup: a prompt may hold anything.
        pango_layout_set_text(layout, text, Int32(clamping: text.utf8.count))
        return body(layout)
    }

    /// Grey edges and unrounded advances, whatever the desktop prefers: a sheet is looked at on other screens.
    private static func setFontOptions(of layout: OpaquePointer?) {
        let options = cairo_font_options_create()
        defer { cairo_font_options_destroy(options) }
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
        pango_cairo_context_set_font_options(pango_layout_get_context(layout), options)
        pango_layout_context_changed(layout)
    }

    /// A surface of 32-bit pixels in the host's byte order, red at bit 16.
    private static func makeSurface(width: Int, height: Int) throws -> OpaquePointer {
        let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(clamping: width), Int32(clamping: height))
        guard let surface else { throw CoordinatorError.drawing(problem: "cairo gave no surface") }
        do {
            try check(cairo_surface_status(surface))
        } catch {
            cairo_surface_destroy(surface)
            throw error
        }
        return surface
    }

    private static func makeSurface(_ image: PNGImage) throws -> OpaquePointer {
        let surface = try makeSurface(width: image.width, height: image.height)
        let stride = Int(cairo_image_surface_get_stride(surface))
        let rows = UnsafeMutableRawPointer(cairo_image_surface_get_data(surface))
        image.pixels.withUnsafeBufferPointer { pixels in
            var next = 0
            for y in 0..<image.height {
                for x in 0..<image.width {
                    let pixel = UInt32(pixels[next]) << 16 | UInt32(pixels[next + 1]) << 8 | UInt32(pixels[next + 2])
                    rows?.storeBytes(of: pixel, toByteOffset: y * stride + x * 4, as: UInt32.self)
                    next += 3
                }
            }
        }
        cairo_surface_mark_dirty(surface)
        return surface
    }

    private static func check(_ status: cairo_status_t) throws {
        guard status == CAIRO_STATUS_SUCCESS else {
            throw CoordinatorError.drawing(problem: String(cString: cairo_status_to_string(status)))
        }
    }
}
