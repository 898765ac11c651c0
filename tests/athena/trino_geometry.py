"""Geometries of Trino, with the text and type that its documentation gives (None: NULL)."""

HOUSE = "ST_Polygon('POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))')"
SLANTED = "ST_Polygon('POLYGON ((0 0, 1 3, 3 1, 0 0))')"
TWO = ("ST_GeometryFromText('MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), "
       "((5 5, 5 9, 9 9, 9 5, 5 5), (6 6, 6 7, 7 7, 7 6, 6 6)))')")

GEOMETRIES = [
    ("ST_AsText(ST_Point(1, 2))", "POINT (1 2)", "varchar"),
    ("ST_AsText(ST_Point(-158.54, 61.56))", "POINT (-158.54 61.56)", "varchar"),
    ("ST_AsText(ST_Point(1e10, 1e-5))", "POINT (10000000000 0.00001)", "varchar"),
    ("ST_AsText(ST_Point(NULL, 2))", None, "varchar"),
    ("typeof(ST_Point(1, 2))", "Geometry", "varchar"),
    ("ST_AsText(ST_GeometryFromText('linestring( 0 0 , 1.50 2 )'))",
     "LINESTRING (0 0, 1.5 2)", "varchar"),
    ("ST_AsText(ST_GeometryFromText('MULTIPOINT (1 2, 3 4)'))", "MULTIPOINT ((1 2), (3 4))",
     "varchar"),
    ("ST_AsText(ST_GeometryFromText('MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))'))",
     "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))", "varchar"),
    (f"ST_AsText({TWO})", "MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), ((5 5, 5 9, 9 9, 9 5, 5 5), "
     "(6 6, 6 7, 7 7, 7 6, 6 6)))", "varchar"),
    ("ST_AsText(ST_GeometryFromText('POLYGON EMPTY'))", "POLYGON EMPTY", "varchar"),
    # a ring that is not closed is, as AWS's examples have them
    ("ST_AsText(ST_Polygon('polygon ((1 1, 1 4, 4 4, 4 1))'))",
     "POLYGON ((1 1, 1 4, 4 4, 4 1, 1 1))", "varchar"),
    ("ST_Area(ST_Polygon('polygon((1 1, 4 1, 4 4, 1 4))'))", "9.0", "double"),
    ("ST_X(ST_Point(1, 2))", "1.0", "double"),
    ("ST_Y(ST_Point(1, 2))", "2.0", "double"),
    ("ST_X(ST_GeometryFromText('POINT EMPTY'))", None, "double"),
    (f"ST_Area({HOUSE})", "15.0", "double"),
    (f"ST_Area({TWO})", "16.0", "double"),
    ("ST_Area(ST_Point(1, 2))", "0.0", "double"),
    ("ST_Length(ST_LineFromText('LINESTRING (0 0, 3 4, 3 5)'))", "6.0", "double"),
    (f"ST_XMin({SLANTED})", "0.0", "double"),
    (f"ST_YMax({SLANTED})", "3.0", "double"),
    (f"ST_NumPoints({HOUSE})", "10", "bigint"),
    (f"ST_NumInteriorRing({HOUSE})", "1", "bigint"),
    (f"ST_NumGeometries({TWO})", "2", "integer"),
    (f"ST_Dimension({HOUSE})", "2", "tinyint"),
    (f"ST_CoordDim({HOUSE})", "2", "tinyint"),
    (f"ST_GeometryType({HOUSE})", "ST_Polygon", "varchar"),
    ("ST_GeometryType(ST_Point(1, 2))", "ST_Point", "varchar"),
    ("ST_IsEmpty(ST_GeometryFromText('POINT EMPTY'))", "true", "boolean"),
    ("ST_IsClosed(ST_LineFromText('LINESTRING (0 0, 3 4, 0 0)'))", "true", "boolean"),
    ("ST_AsText(ST_StartPoint(ST_LineFromText('LINESTRING (0 0, 3 4)')))", "POINT (0 0)",
     "varchar"),
    ("ST_AsText(ST_EndPoint(ST_LineFromText('LINESTRING (0 0, 3 4)')))", "POINT (3 4)", "varchar"),
    (f"ST_AsText(ST_ExteriorRing({SLANTED}))", "LINESTRING (0 0, 1 3, 3 1, 0 0)", "varchar"),
    (f"ST_AsText(ST_Envelope({SLANTED}))", "POLYGON ((0 0, 0 3, 3 3, 3 0, 0 0))", "varchar"),
    ("ST_AsText(ST_Centroid(ST_Polygon('POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0))')))", "POINT (2 2)",
     "varchar"),
    ("ST_AsText(ST_Centroid(ST_GeometryFromText('MULTIPOINT (1 2, 3 4)')))", "POINT (2 3)",
     "varchar"),
    ("ST_AsText(ST_Centroid(ST_LineFromText('LINESTRING (0 0, 2 0)')))", "POINT (1 0)", "varchar"),
    ("ST_Distance(ST_Point(0, 0), ST_Point(3, 4))", "5.0", "double"),
    (f"ST_Distance({HOUSE}, ST_Point(7, 8))", "5.0", "double"),
    (f"ST_Distance({HOUSE}, ST_Point(3, 3))", "0.0", "double"),
    (f"ST_Distance({HOUSE}, ST_Point(1.5, 1.5))", "0.5", "double"),
    ("ST_Distance(ST_Point(0, 0), ST_GeometryFromText('POINT EMPTY'))", None, "double"),
    (f"ST_Contains({HOUSE}, ST_Point(3, 3))", "true", "boolean"),
    (f"ST_Contains({HOUSE}, ST_Point(0, 3))", "false", "boolean"), # on the edge
    (f"ST_Contains({HOUSE}, ST_Point(1.5, 1.5))", "false", "boolean"), # in the hole
    (f"ST_Contains({HOUSE}, ST_Point(5, 5))", "false", "boolean"),
    (f"ST_Contains({HOUSE}, NULL)", None, "boolean"),
    (f"ST_Contains({HOUSE}, ST_LineFromText('LINESTRING (3 0, 3 4)'))", "true", "boolean"),
    (f"ST_Contains({HOUSE}, ST_LineFromText('LINESTRING (0 0, 0 4)'))", "false", "boolean"),
    (f"ST_Contains({HOUSE}, ST_LineFromText('LINESTRING (0.5 1.5, 3 1.5)'))", "false", "boolean"),
    (f"ST_Contains({HOUSE}, ST_Polygon('POLYGON ((3 3, 3 4, 4 4, 4 3, 3 3))'))", "true",
     "boolean"),
    (f"ST_Contains({HOUSE}, ST_Polygon('POLYGON ((0.5 0.5, 0.5 3, 3 3, 3 0.5, 0.5 0.5))'))",
     "false", "boolean"),
    (f"ST_Contains({SLANTED}, {SLANTED})", "true", "boolean"),
    (f"ST_Contains({TWO}, ST_GeometryFromText('MULTIPOINT (0.5 0.5, 8 8)'))", "true", "boolean"),
    (f"ST_Within(ST_Point(3, 3), {HOUSE})", "true", "boolean"),
    ("ST_Contains(ST_LineFromText('LINESTRING (0 0, 4 4)'), ST_Point(1, 1))", "true", "boolean"),
    ("ST_Contains(ST_LineFromText('LINESTRING (0 0, 4 4)'), ST_Point(0, 0))", "false", "boolean"),
    ("ST_Contains(ST_Point(1, 1), ST_Point(1, 1))", "true", "boolean"),
    (f"ST_Contains(ST_Point(1, 1), {HOUSE})", "false", "boolean"),
    (f"ST_Intersects({HOUSE}, ST_LineFromText('LINESTRING (-1 -1, 5 5)'))", "true", "boolean"),
    (f"ST_Intersects({HOUSE}, ST_Point(0, 3))", "true", "boolean"),
    (f"ST_Intersects({HOUSE}, ST_Point(1.5, 1.5))", "false", "boolean"),
    (f"ST_Intersects(ST_Polygon('POLYGON ((-9 -9, -9 9, 9 9, 9 -9, -9 -9))'), {HOUSE})", "true",
     "boolean"),
    (f"ST_Disjoint({HOUSE}, ST_Point(9, 9))", "true", "boolean"),
]

FORMS = [
    ("ST_AsBinary(ST_Point(1, 2))",
     "01 01 00 00 00 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40", "varbinary"),
    (f"ST_AsText(ST_GeomFromBinary(ST_AsBinary({HOUSE})))",
     "POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))", "varchar"),
    (f"ST_AsText(ST_GeomFromBinary(ST_AsBinary({TWO}))) = ST_AsText({TWO})", "true", "boolean"),
    ("ST_AsText(ST_GeomFromBinary(X'00000000020000000200000000000000000000000000000000"
     "3ff00000000000004000000000000000'))", "LINESTRING (0 0, 1 2)", "varchar"), # big-endian
    ("ST_AsText(ST_GeomFromBinary(ST_AsBinary(ST_GeometryFromText('POINT EMPTY'))))",
     "POINT EMPTY", "varchar"),
    ("ST_AsText(ST_GeomFromBinary(ST_AsBinary(ST_GeometryFromText('MULTIPOINT (1 2, 3 4)'))))",
     "MULTIPOINT ((1 2), (3 4))", "varchar"),
    ("to_encoded_polyline(ST_GeometryFromText('LINESTRING (-120.2 38.5, -120.95 40.7, "
     "-126.453 43.252)'))", "_p~iF~ps|U_ulLnnqC_mqNvxq`@", "varchar"),
    ("ST_AsText(from_encoded_polyline('_p~iF~ps|U_ulLnnqC_mqNvxq`@'))",
     "LINESTRING (-120.2 38.5, -120.95 40.7, -126.453 43.252)", "varchar"),
    ("ST_AsText(from_encoded_polyline(''))", "LINESTRING EMPTY", "varchar"),
    ("to_geojson_geometry(to_spherical_geography(ST_GeometryFromText('LINESTRING (0 0, 1 2, "
     "3.5 4)')))", '{"type":"LineString","coordinates":[[0,0],[1,2],[3.5,4]],"crs":'
     '{"type":"name","properties":{"name":"EPSG:0"}}}', "varchar"),
    ("ST_AsText(to_geometry(from_geojson_geometry('{\"type\":\"MultiPolygon\",\"coordinates\":"
     "[[[[0,0],[0,1],[1,1],[0,0]]],[[[5,5],[5,9],[9,9],[5,5]]]]}')))",
     "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)), ((5 5, 5 9, 9 9, 5 5)))", "varchar"),
    (f"ST_AsText(to_geometry(from_geojson_geometry(to_geojson_geometry(to_spherical_geography("
     f"{HOUSE}))))) = ST_AsText({HOUSE})", "true", "boolean"),
    ("typeof(to_spherical_geography(ST_Point(1, 2)))", "SphericalGeography", "varchar"),
    ("round(ST_Distance(to_spherical_geography(ST_Point(-71.0882, 42.3607)), "
     "to_spherical_geography(ST_Point(-74.1197, 40.6976))), 3)", "312822.179", "double"),
    ("round(ST_Distance(ST_Point(-71.0882, 42.3607), ST_Point(-74.1197, 40.6976)), 4)", "3.4577",
     "double"),
    ("round(ST_Length(to_spherical_geography(ST_LineFromText('LINESTRING (0 0, 90 0, 90 90)'))) / "
     "6371010.0e0, 6)", "3.141593", "double"),
    ("round(ST_Area(to_spherical_geography(ST_Polygon('POLYGON ((0 0, 90 0, 0 90, 0 0))'))) / "
     "power(6371010.0e0, 2), 6)", "1.570796", "double"), # an eighth of the sphere
    ("round(ST_Area(to_spherical_geography(ST_Polygon('POLYGON ((0 0, 90 0, 180 0, -90 0, 0 0))')))"
     " / power(6371010.0e0, 2), 6)", "6.283185", "double"), # around a pole
]

MEMBERS = [
    ("ST_AsText(ST_LineString(ARRAY[ST_Point(1, 2), ST_Point(3, 4), ST_Point(1, 2)]))",
     "LINESTRING (1 2, 3 4, 1 2)", "varchar"),
    ("ST_AsText(ST_LineString(ARRAY[ST_Point(9, 10)]))", "LINESTRING EMPTY", "varchar"),
    ("ST_AsText(ST_MultiPoint(ARRAY[ST_Point(1, 2), ST_Point(1, 2)]))",
     "MULTIPOINT ((1 2), (1 2))", "varchar"),
    ("ST_MultiPoint(ARRAY[])", None, "geometry"),
    ("ST_AsText(ST_PointN(ST_LineFromText('LINESTRING (1 2, 3 4)'), 2))", "POINT (3 4)", "varchar"),
    ("ST_PointN(ST_LineFromText('LINESTRING (1 2, 3 4)'), 3)", None, "geometry"),
    ("ST_PointN(ST_LineFromText('LINESTRING (1 2, 3 4)'), 0)", None, "geometry"),
    (f"ST_AsText(ST_GeometryN({TWO}, 2))",
     "POLYGON ((5 5, 5 9, 9 9, 9 5, 5 5), (6 6, 6 7, 7 7, 7 6, 6 6))", "varchar"),
    ("ST_AsText(ST_GeometryN(ST_Point(61.56, -158.54), 1))", "POINT (61.56 -158.54)", "varchar"),
    (f"ST_GeometryN({TWO}, 3)", None, "geometry"),
    (f"ST_AsText(ST_InteriorRingN({HOUSE}, 1))", "LINESTRING (1 1, 1 2, 2 2, 2 1, 1 1)", "varchar"),
    (f"ST_InteriorRingN({HOUSE}, 2)", None, "geometry"),
    ("ST_Points(ST_LineString(ARRAY[ST_Point(1, 2), ST_Point(3, 4)]))",
     "[POINT (1 2), POINT (3 4)]", "array"),
    (f"cardinality(ST_Geometries({TWO}))", "2", "bigint"),
    ("ST_Geometries(ST_Point(1, 2))", "[POINT (1 2)]", "array"),
    ("ST_Geometries(ST_GeometryFromText('POINT EMPTY'))", None, "array"),
    (f"ST_InteriorRings({SLANTED})", "[]", "array"),
    (f"ST_InteriorRings({HOUSE})", "[LINESTRING (1 1, 1 2, 2 2, 2 1, 1 1)]", "array"),
    (f"ST_EnvelopeAsPts({SLANTED})", "[POINT (0 0), POINT (3 3)]", "array"),
    (f"ST_AsText(ST_Boundary({SLANTED}))", "MULTILINESTRING ((0 0, 1 3, 3 1, 0 0))", "varchar"),
    ("ST_AsText(ST_Boundary(ST_LineFromText('LINESTRING (8 4, 5 7)')))",
     "MULTIPOINT ((8 4), (5 7))", "varchar"),
    ("ST_AsText(ST_Boundary(ST_GeometryFromText('MULTILINESTRING ((0 0, 1 1), (1 1, 2 2))')))",
     "MULTIPOINT ((0 0), (2 2))", "varchar"),
    ("ST_AsText(ST_Boundary(ST_Point(1, 2)))", "MULTIPOINT EMPTY", "varchar"),
    (f"ST_Equals({HOUSE}, {HOUSE})", "true", "boolean"),
    (f"ST_Equals({HOUSE}, {SLANTED})", "false", "boolean"),
    ("line_locate_point(ST_GeometryFromText('LINESTRING (0 0, 0 1)'), ST_Point(0, 0.2))", "0.2",
     "double"),
    ("line_locate_point(ST_GeometryFromText('LINESTRING (0 0, 4 0, 4 4)'), ST_Point(9, 2))",
     "0.75", "double"),
    ("ST_AsText(line_interpolate_point(ST_LineFromText('LINESTRING (0 0, 4 0, 4 4)'), 0.75))",
     "POINT (4 2)", "varchar"),
    ("line_interpolate_points(ST_LineFromText('LINESTRING (0 0, 4 0)'), 0.25, true)",
     "[POINT (1 0), POINT (2 0), POINT (3 0), POINT (4 0)]", "array"),
    ("line_interpolate_points(ST_LineFromText('LINESTRING (0 0, 4 0)'), 0.25, false)",
     "[POINT (1 0)]", "array"),
    ("geometry_nearest_points(ST_GeometryFromText('LINESTRING (50 100, 50 200)'), "
     "ST_GeometryFromText('LINESTRING (10 10, 20 20)'))",
     "{field0=POINT (50 100), field1=POINT (20 20)}", "row"),
    (f"geometry_nearest_points({HOUSE}, ST_GeometryFromText('POINT EMPTY'))", None, "row"),
]

TILES = [
    ("bing_tile_quadkey(bing_tile_at(30.12, 60, 15))", "123030123010121", "varchar"),
    ("bing_tile(3, 5, 3)", "BingTile{x=3, y=5, zoom_level=3}", "bingtile"),
    ("typeof(bing_tile('213'))", "BingTile", "varchar"),
    ("bing_tile_coordinates(bing_tile('213'))", "{x=3, y=5}", "row"),
    ("bing_tile_coordinates(bing_tile('213')).y", "5", "integer"),
    ("bing_tile_zoom_level(bing_tile('213'))", "3", "tinyint"),
    ("bing_tile('213') = bing_tile(3, 5, 3)", "true", "boolean"),
    ("bing_tile_at(0, -0.002, 1)", "BingTile{x=0, y=1, zoom_level=1}", "bingtile"),
    ("bing_tile_at(1e0/512, 0, 9)", "BingTile{x=256, y=255, zoom_level=9}", "bingtile"),
    ("ST_AsText(bing_tile_polygon(bing_tile('0')))",
     "POLYGON ((-180 0, -180 85.05112877980659, 0 85.05112877980659, 0 0, -180 0))", "varchar"),
    ("transform(bing_tiles_around(30.12, 60, 1), x -> bing_tile_quadkey(x))", "[0, 2, 1, 3]",
     "array"),
    ("cardinality(bing_tiles_around(30.12, 60, 15))", "9", "bigint"),
    ("transform(geometry_to_bing_tiles(ST_Point(60, 30.12), 10), x -> bing_tile_quadkey(x))",
     "[1230301230]", "array"),
    ("transform(geometry_to_bing_tiles(ST_Polygon('POLYGON ((0 0, 0 10, 10 10, 10 0, 0 0))'), 6), "
     "x -> bing_tile_quadkey(x))", "[122220, 122222, 122221, 122223]", "array"),
]

FAILURES = [
    ("SELECT ST_LineString(ARRAY[ST_Point(1, 2), ST_Point(1, 2)])", "INVALID_FUNCTION_ARGUMENT: "
     "Invalid input to ST_LineString: consecutive duplicate points at index 2"),
    ("SELECT ST_LineString(ARRAY[ST_Point(1, 2), NULL])",
     "INVALID_FUNCTION_ARGUMENT: Invalid input to ST_LineString: null point at index 2"),
    ("SELECT ST_PointN(ST_Point(1, 2), 1)", "INVALID_FUNCTION_ARGUMENT: ST_PointN only applies to "
     "LINE_STRING. Input type is: POINT"),
    ("SELECT ST_GeomFromBinary(X'0101')", "INVALID_FUNCTION_ARGUMENT: Invalid WKB"),
    ("SELECT to_spherical_geography(ST_Point(181, 0))",
     "INVALID_FUNCTION_ARGUMENT: Longitude must be between -180 and 180"),
    ("SELECT ST_Length(to_spherical_geography(ST_Point(1, 2)))", "INVALID_FUNCTION_ARGUMENT: When "
     "applied to SphericalGeography inputs, ST_Length only supports LINE_STRING or "
     "MULTI_LINE_STRING. Input type is: POINT"),
    ("SELECT bing_tile(10, 2, 3)", "INVALID_FUNCTION_ARGUMENT: XY coordinates for a Bing tile at "
     "zoom level 3 must be within [0, 8) range"),
    ("SELECT bing_tile(2, 7, 37)", "INVALID_FUNCTION_ARGUMENT: Zoom level must be <= 23"),
    ("SELECT bing_tile_at(30.12, 60, 0)", "INVALID_FUNCTION_ARGUMENT: Zoom level must be > 0"),
    ("SELECT bing_tile_at(30.12, 600, 15)",
     "INVALID_FUNCTION_ARGUMENT: Longitude must be between -180.0 and 180.0"),
    ("SELECT bing_tile_at(300.12, 60, 15)",
     "INVALID_FUNCTION_ARGUMENT: Latitude must be between -85.05112878 and 85.05112878"),
    ("SELECT CAST(bing_tile('1') AS varchar)", "TYPE_MISMATCH: line 1:8: Cannot cast BingTile to "
     "varchar"),
    ("SELECT from_geojson_geometry('{}')", "INVALID_FUNCTION_ARGUMENT: Invalid GeoJSON"),
]
