"""Geometries of Trino, with the text and type that its documentation gives (None: NULL)."""

HOUSE = "ST_Polygon('POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))')"
SLANTED = "ST_Polygon('POLYGON ((0 0, 1 3, 3 1, 0 0))')"
TWO = ("ST_GeometryFromText('MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), "
       "((5 5, 5 9, 9 9, 9 5, 5 5), (6 6, 6 7, 7 7, 7 6, 6 6)))')")

# Geometries that are met again and again are kept and prepared: those of one join, with texts that
# are long enough, which must say what ST_Relate says, of which nothing is kept.
MET = ("WITH g AS (SELECT ST_GeometryFromText(text) AS g FROM (VALUES "
       "'POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))', "
       "'POLYGON ((1.25 1.25, 1.25 1.75, 1.75 1.75, 1.75 1.25, 1.25 1.25))', "
       "'POLYGON ((3 3, 3 9.125, 9.125 9.125, 9.125 3, 3 3), (4 4, 4 5, 5 5, 5 4, 4 4))', "
       "'MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), ((5 5, 5 9, 9 9, 9 5, 5 5)))', "
       "'LINESTRING (0 0, 4 4, 4.000001 4.000001, 9.125 9.125, 20 9.125)', "
       "'LINESTRING (0 0, 0 1, 0 2, 0 3, 0 4, 1 4, 2 4, 3 4, 4 4, 4 3, 4 2)', "
       "'MULTIPOINT ((0 0), (1 1), (1.5 1.5), (4 4), (5 5), (100 100), (7 7))', "
       "'POINT (4 4)', 'POINT (1.5 1.5)', 'POINT (1 1.5)', 'POINT (0.5 0.5)', 'POINT (50 50)', "
       "'MULTILINESTRING ((0 0, 4 0), (4 0, 4 4), (10 10, 11 11), (12 12, 13 13))') AS t(text)) "
       "SELECT count(*), {} FROM g AS a, g AS b, UNNEST(sequence(1, 20)) AS n(i)").format(", ".join(
           f"count_if({name}(a.g, b.g) <> ({told}))" for name, told in (
               ("ST_Contains", "ST_Relate(a.g, b.g, 'T*****FF*')"),
               ("ST_Within", "ST_Relate(a.g, b.g, 'T*F**F***')"),
               ("ST_Disjoint", "ST_Relate(a.g, b.g, 'FF*FF****')"),
               ("ST_Intersects", "NOT ST_Relate(a.g, b.g, 'FF*FF****')"),
               ("ST_Equals", "ST_Relate(a.g, b.g, 'T*F**FFF*')"))))
# A join that takes minutes when each pair is read.
JOINED = ("WITH p AS (SELECT 'POLYGON ((' || array_join(transform(sequence(0, 99), k -> format("
          "'%s %s', x % 20 * 5 + 2 * cos(k * pi() / 50), x / 20 * 5 + 2 * sin(k * pi() / 50))), "
          "', ') || '))' AS text FROM UNNEST(sequence(0, 199)) AS t(x)) SELECT count(*) FROM p "
          "JOIN UNNEST(sequence(0, 999)) AS q(i) ON ST_Contains(ST_GeometryFromText(text), "
          "ST_Point(i % 40 * 2.5e0, i / 40 * 2.5e0))")

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
    ("ST_AsText(ST_GeometryFromText('POINT EMPTY'))", "POINT EMPTY", "varchar"),
    # as Trino's manual has it
    ("ST_AsText(ST_LineFromText('LINESTRING EMPTY'))", "MULTILINESTRING EMPTY", "varchar"),
    ("ST_AsText(ST_Polygon('POLYGON EMPTY'))", "MULTIPOLYGON EMPTY", "varchar"),
    ("ST_GeometryType(ST_Polygon('POLYGON EMPTY'))", "ST_Polygon", "varchar"),
    ("ST_AsText(ST_Point(0.1 + 0.2, 123456789012345680))",
     "POINT (0.3 123456789012345680)", "varchar"),
    ("ST_AsText(ST_Point(1e0 / 3, -1e22))", "POINT (0.3333333333333333 -10000000000000000000000)",
     "varchar"),
    ("ST_AsText(ST_Centroid(ST_GeometryFromText('POLYGON EMPTY')))", "POINT EMPTY", "varchar"),
    ("ST_Envelope(ST_GeometryFromText('POINT EMPTY'))", "POLYGON EMPTY", "geometry"),
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
    ("ST_IsEmpty(from_encoded_polyline(''))", "true", "boolean"),
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
    ("ST_LineString(ARRAY[ST_Point(9, 10)])", "LINESTRING EMPTY", "geometry"),
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
    ("ST_Boundary(ST_LineFromText('LINESTRING (0 0, 1 1, 1 0, 0 0)'))", "MULTIPOINT EMPTY",
     "geometry"),
    (f"ST_Boundary({HOUSE})", "MULTILINESTRING ((0 0, 0 4, 4 4, 4 0, 0 0), "
     "(1 1, 1 2, 2 2, 2 1, 1 1))", "geometry"),
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

MIXED = ("ST_GeometryFromText('GEOMETRYCOLLECTION (POINT(2 3), LINESTRING (2 3, 3 4), "
         "POLYGON ((0 0, 0 1, 1 1, 0 0)))')")

COLLECTIONS = [
    (f"ST_AsText({MIXED})", "GEOMETRYCOLLECTION (POINT (2 3), LINESTRING (2 3, 3 4), "
     "POLYGON ((0 0, 0 1, 1 1, 0 0)))", "varchar"),
    ("ST_AsText(ST_GeometryFromText('GEOMETRYCOLLECTION (POINT EMPTY, GEOMETRYCOLLECTION ("
     "POINT (1 2)), GEOMETRYCOLLECTION EMPTY)'))", "GEOMETRYCOLLECTION (POINT EMPTY, "
     "GEOMETRYCOLLECTION (POINT (1 2)), GEOMETRYCOLLECTION EMPTY)", "varchar"),
    (f"ST_GeometryType({MIXED})", "ST_GeometryCollection", "varchar"),
    (f"ST_NumGeometries({MIXED})", "3", "integer"),
    (f"ST_NumPoints({MIXED})", "7", "bigint"),
    (f"ST_Dimension({MIXED})", "2", "tinyint"),
    (f"ST_Area({MIXED})", "0.5", "double"), # of all members
    (f"ST_XMax({MIXED})", "3.0", "double"),
    (f"ST_Envelope({MIXED})", "POLYGON ((0 0, 0 4, 3 4, 3 0, 0 0))", "geometry"),
    (f"ST_GeometryN({MIXED}, 2)", "LINESTRING (2 3, 3 4)", "geometry"),
    (f"ST_GeometryN({MIXED}, 4)", None, "geometry"),
    (f"cardinality(ST_Points({MIXED}))", "7", "bigint"),
    (f"ST_Geometries({MIXED})",
     "[POINT (2 3), LINESTRING (2 3, 3 4), POLYGON ((0 0, 0 1, 1 1, 0 0))]", "array"),
    ("ST_IsEmpty(ST_GeometryFromText('GEOMETRYCOLLECTION (POINT EMPTY)'))", "true", "boolean"),
    ("ST_IsEmpty(ST_GeometryFromText('GEOMETRYCOLLECTION EMPTY'))", "true", "boolean"),
    (f"ST_AsText(ST_GeomFromBinary(ST_AsBinary({MIXED}))) = ST_AsText({MIXED})", "true",
     "boolean"),
    ("to_geojson_geometry(to_spherical_geography(ST_GeometryFromText('GEOMETRYCOLLECTION ("
     "POINT (2 3))')))", '{"type":"GeometryCollection","geometries":[{"type":"Point",'
     '"coordinates":[2,3]}],"crs":{"type":"name","properties":{"name":"EPSG:0"}}}', "varchar"),
    ("ST_AsText(to_geometry(from_geojson_geometry('{\"type\":\"GeometryCollection\",\"geometries\":"
     "[{\"type\":\"Point\",\"coordinates\":[2,3]},{\"type\":\"GeometryCollection\","
     "\"geometries\":[]}]}')))",
     "GEOMETRYCOLLECTION (POINT (2 3), GEOMETRYCOLLECTION EMPTY)", "varchar"),
    (f"ST_Intersects({MIXED}, ST_Point(2, 3))", "true", "boolean"),
    (f"ST_Distance({MIXED}, ST_Point(4, 4))", "1.0", "double"),
    ("ST_Contains(ST_GeometryFromText('GEOMETRYCOLLECTION (POLYGON ((0 0, 0 4, 2 4, 2 0, 0 0)), "
     "POLYGON ((2 0, 2 4, 4 4, 4 0, 2 0)))'), ST_Point(2, 1))", "true", "boolean"),
    (f"ST_ConvexHull({MIXED})", "POLYGON ((0 0, 0 1, 3 4, 1 1, 0 0))", "geometry"),
    ("geometry_to_bing_tiles(ST_GeometryFromText('GEOMETRYCOLLECTION (POINT (60 30.12))'), 10)",
     "[BingTile{x=682, y=422, zoom_level=10}]", "array"),
]

SQUARE = "ST_Polygon('POLYGON ((1 1, 1 4, 4 4, 4 1))')"
OTHER = "ST_Polygon('POLYGON ((3 3, 3 6, 6 6, 6 3))')"

RELATED = [
    # AWS's examples, with the polygons and lines as they stand there
    ("ST_Contains(ST_Polygon('POLYGON((0 2,1 1,0 -1,0 2))'), "
     "ST_Polygon('POLYGON((-1 3,2 1,0 -3,-1 3))'))", "false", "boolean"),
    ("ST_Crosses(ST_LineFromText('linestring(1 1, 2 2 )'), "
     "ST_LineFromText('linestring(0 1, 2 2)'))", "false", "boolean"),
    ("ST_Disjoint(ST_LineFromText('linestring(0 0, 0 1)'), "
     "ST_LineFromText('linestring(1 1, 1 0)'))", "true", "boolean"),
    ("ST_Equals(ST_LineFromText('linestring( 0 0, 1 1)'), "
     "ST_LineFromText('linestring(1 3, 2 2)'))", "false", "boolean"),
    ("ST_Intersects(ST_LineFromText('linestring(8 7, 7 8)'), "
     "ST_Polygon('polygon((1 1, 4 1, 4 4, 1 4))'))", "false", "boolean"),
    (f"ST_Overlaps(ST_Polygon('polygon((2 0, 2 1, 3 1))'), {SQUARE})", "false", "boolean"),
    (f"ST_Touches(ST_Polygon('polygon((2 0, 2 1, 3 1))'), {SQUARE})", "true", "boolean"),
    ("ST_Crosses(ST_LineFromText('LINESTRING (0 0, 2 2)'), "
     "ST_LineFromText('LINESTRING (0 2, 2 0)'))", "true", "boolean"),
    (f"ST_Crosses(ST_LineFromText('LINESTRING (0 0, 5 5)'), {SQUARE})", "true", "boolean"),
    (f"ST_Crosses(ST_LineFromText('LINESTRING (2 2, 3 3)'), {SQUARE})", "false", "boolean"),
    (f"ST_Overlaps({SQUARE}, {OTHER})", "true", "boolean"),
    (f"ST_Overlaps({SQUARE}, {SQUARE})", "false", "boolean"),
    (f"ST_Touches({SQUARE}, ST_Point(1, 2))", "true", "boolean"),
    (f"ST_Touches({SQUARE}, ST_Point(2, 2))", "false", "boolean"),
    ("ST_Touches(ST_Point(1, 1), ST_Point(1, 1))", "false", "boolean"),
    ("ST_Equals(ST_LineFromText('LINESTRING (0 0, 2 2)'), "
     "ST_LineFromText('LINESTRING (2 2, 1 1, 0 0)'))", "true", "boolean"),
    ("ST_Contains(ST_LineFromText('LINESTRING (0 0, 4 4)'), "
     "ST_LineFromText('LINESTRING (1 1, 2 2)'))", "true", "boolean"),
    ("ST_Within(ST_LineFromText('LINESTRING (1 1, 2 2)'), "
     "ST_LineFromText('LINESTRING (0 0, 4 4)'))", "true", "boolean"),
    ("ST_Relate(ST_LineFromText('LINESTRING (0 0, 3 3)'), "
     "ST_LineFromText('LINESTRING (1 1, 4 4)'), 'T********')", "true", "boolean"),
    ("ST_Relate(ST_Point(1, 1), ST_Point(1, 1), '0FFFFFFF2')", "true", "boolean"),
    ("ST_Relate(ST_Point(1, 1), ST_Point(2, 1), 'T********')", "false", "boolean"),
    ("ST_Relate(ST_Point(1, 1), ST_Point(2, 1), NULL)", None, "boolean"),
    ("ST_Disjoint(ST_Point(1, 1), ST_GeometryFromText('POINT EMPTY'))", "true", "boolean"),
    (f"ST_Contains({SQUARE}, ST_GeometryFromText('POINT EMPTY'))", "false", "boolean"),
    ("ST_Crosses(NULL, ST_Point(1, 1))", None, "boolean"),
    (f"ST_IsValid({HOUSE})", "true", "boolean"),
    ("ST_IsValid(ST_Polygon('POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))'))", "false", "boolean"),
    ("geometry_invalid_reason(ST_Polygon('POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))'))",
     "Self-intersection", "varchar"),
    ("geometry_invalid_reason(ST_Polygon('POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), "
     "(5 5, 5 6, 6 6, 6 5, 5 5))'))", "Hole lies outside shell", "varchar"),
    (f"geometry_invalid_reason({HOUSE})", None, "varchar"),
    ("ST_IsValid(NULL)", None, "boolean"),
    ("ST_IsSimple(ST_LineFromText('LINESTRING (0 0, 1 1, 0 1, 1 0)'))", "false", "boolean"),
    ("ST_IsSimple(ST_LineFromText('LINESTRING (0 0, 1 1, 0 1, 0 0)'))", "true", "boolean"),
    ("ST_IsRing(ST_LineFromText('LINESTRING (0 0, 1 1, 0 1, 0 0)'))", "true", "boolean"),
    ("ST_IsRing(ST_LineFromText('LINESTRING (0 0, 1 1, 0 1)'))", "false", "boolean"),
    ("ST_IsRing(ST_LineFromText('LINESTRING EMPTY'))", "false", "boolean"),
]

OVERLAYS = [
    (f"ST_AsText(ST_Union({SQUARE}, {OTHER}))",
     "POLYGON ((1 1, 1 4, 3 4, 3 6, 6 6, 6 3, 4 3, 4 1, 1 1))", "varchar"),
    (f"ST_AsText(ST_Intersection({SQUARE}, {OTHER}))", "POLYGON ((3 3, 3 4, 4 4, 4 3, 3 3))",
     "varchar"),
    (f"ST_AsText(ST_Difference({SQUARE}, {OTHER}))",
     "POLYGON ((1 1, 1 4, 3 4, 3 3, 4 3, 4 1, 1 1))", "varchar"),
    (f"ST_AsText(ST_SymDifference({SQUARE}, {OTHER}))",
     "MULTIPOLYGON (((1 1, 1 4, 3 4, 3 3, 4 3, 4 1, 1 1)), "
     "((3 4, 3 6, 6 6, 6 3, 4 3, 4 4, 3 4)))", "varchar"),
    (f"ST_Difference({SQUARE}, ST_Polygon('POLYGON ((2 2, 2 3, 3 3, 3 2))'))",
     "POLYGON ((1 1, 1 4, 4 4, 4 1, 1 1), (2 2, 3 2, 3 3, 2 3, 2 2))", "geometry"),
    (f"ST_Intersection({SQUARE}, ST_Polygon('POLYGON ((4 1, 4 4, 6 4, 6 1))'))",
     "LINESTRING (4 1, 4 4)", "geometry"),
    (f"ST_IsEmpty(ST_Intersection({SQUARE}, ST_Point(9, 9)))", "true", "boolean"),
    (f"ST_Intersection({SQUARE}, ST_Point(2, 2))", "POINT (2 2)", "geometry"),
    ("ST_Intersection(ST_GeometryFromText('MULTIPOINT (50 100, 50 200)'), ST_Point(50, 100))",
     "POINT (50 100)", "geometry"),
    ("ST_Union(ST_GeometryFromText('MULTIPOINT (3 3, 1 1)'), ST_Point(2, 2))",
     "MULTIPOINT ((1 1), (2 2), (3 3))", "geometry"),
    ("ST_Union(ST_Point(0, 0), ST_LineFromText('LINESTRING (1 1, 2 2)'))",
     "GEOMETRYCOLLECTION (POINT (0 0), LINESTRING (1 1, 2 2))", "geometry"),
    ("ST_Union(ST_Point(1, 1), ST_GeometryFromText('POLYGON EMPTY'))", "POINT (1 1)", "geometry"),
    ("ST_Union(ST_GeometryFromText('POINT EMPTY'), ST_GeometryFromText('POINT EMPTY'))",
     "POINT EMPTY", "geometry"),
    ("ST_Union(NULL, ST_Point(1, 1))", None, "geometry"),
    # what is not well-formed
    ("ST_Intersection(ST_Polygon('POLYGON ((0 0, 4 4, 0 4, 4 0, 0 0))'), "
     "ST_Polygon('POLYGON ((0 0, 4 0, 4 1, 0 1, 0 0))'))",
     "POLYGON ((0 0, 1 1, 3 1, 4 0, 0 0))", "geometry"),
    ("geometry_union(ARRAY[ST_Point(2, 2), NULL, ST_Point(1, 1), ST_Point(2, 2)])",
     "MULTIPOINT ((1 1), (2 2))", "geometry"),
    (f"geometry_union(ARRAY[{SQUARE}, {OTHER}])",
     "POLYGON ((1 1, 1 4, 3 4, 3 6, 6 6, 6 3, 4 3, 4 1, 1 1))", "geometry"),
    ("geometry_union(ARRAY[])", None, "geometry"),
    ("geometry_union(ARRAY[NULL])", None, "geometry"),
    ("ST_ConvexHull(ST_GeometryFromText('MULTIPOINT (0 0, 4 0, 4 4, 0 4, 2 2)'))",
     "POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0))", "geometry"),
    ("ST_ConvexHull(ST_GeometryFromText('MULTIPOINT (1 1, 3 3, 2 2)'))", "LINESTRING (1 1, 3 3)",
     "geometry"),
    ("ST_ConvexHull(ST_Point(1, 2))", "POINT (1 2)", "geometry"),
    ("ST_ConvexHull(ST_GeometryFromText('POLYGON EMPTY'))", "POLYGON EMPTY", "geometry"),
    ("ST_NumPoints(ST_Buffer(ST_Point(0, 0), 1))", "97", "bigint"),
    ("round(ST_Area(ST_Buffer(ST_Point(5, 5), 2)), 3)", "12.557", "double"),
    ("round(ST_Area(ST_Buffer(ST_Polygon('POLYGON ((0 0, 0 4, 4 4, 4 0))'), 1)), 1)", "35.1",
     "double"),
    ("ST_Contains(ST_Buffer(ST_Point(0, 0), 1), ST_Point(0.7, 0.7))", "true", "boolean"),
    ("ST_Buffer(ST_Point(1, 2), 0)", "POINT (1 2)", "geometry"),
    ("ST_Buffer(ST_GeometryFromText('POINT EMPTY'), 1)", None, "geometry"),
    ("ST_Buffer(ST_Point(1, 2), NULL)", None, "geometry"),
    ("simplify_geometry(ST_GeometryFromText('POLYGON ((1 0, 1 1, 2 1, 2 3, 3 3, 3 1, 4 1, 4 0, "
     "1 0))'), 1.5)", "POLYGON ((1 0, 2 3, 3 3, 4 0, 1 0))", "geometry"),
    ("simplify_geometry(ST_LineFromText('LINESTRING (0 0, 1 0.1, 2 0)'), 1)",
     "LINESTRING (0 0, 2 0)", "geometry"),
    ("simplify_geometry(ST_LineFromText('LINESTRING (0 0, 1 0.1, 2 0)'), 0)",
     "LINESTRING (0 0, 1 0.1, 2 0)", "geometry"),
    ("simplify_geometry(NULL, 1)", None, "geometry"),
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
    ("SELECT ST_Point(infinity(), 1)",
     "INVALID_FUNCTION_ARGUMENT: ST_Point takes finite coordinates"),
    ("SELECT ST_Point(1, nan())", "INVALID_FUNCTION_ARGUMENT: ST_Point takes finite coordinates"),
    ("SELECT ST_Buffer(ST_Point(1, 2), -1)",
     "INVALID_FUNCTION_ARGUMENT: distance is negative"),
    ("SELECT ST_Buffer(ST_Point(1, 2), nan())", "INVALID_FUNCTION_ARGUMENT: distance is NaN"),
    ("SELECT ST_Buffer(ST_Point(1, 2), infinity())",
     "INVALID_FUNCTION_ARGUMENT: distance is beyond 1e+100"),
    ("SELECT simplify_geometry(ST_Point(1, 2), -1)",
     "INVALID_FUNCTION_ARGUMENT: distanceTolerance is negative"),
    ("SELECT ST_Relate(ST_Point(1, 1), ST_Point(2, 2), 'inside')", "INVALID_FUNCTION_ARGUMENT: "
     "relation 'inside' must be nine of 0, 1, 2, T, F and *"),
    ("SELECT ST_IsRing(ST_Point(1, 2))", "INVALID_FUNCTION_ARGUMENT: ST_IsRing only applies to "
     "LINE_STRING. Input type is: POINT"),
    (f"SELECT ST_Contains({MIXED}, ST_Point(9, 9))",
     "NOT_SUPPORTED: ST_Contains of a GEOMETRY_COLLECTION of several kinds"),
    (f"SELECT ST_Difference(ST_Point(9, 9), {MIXED})",
     "NOT_SUPPORTED: ST_Difference of a GEOMETRY_COLLECTION of several kinds"),
    ("SELECT ST_Union('POINT (1 1)', ST_Point(1, 1))", "FUNCTION_NOT_FOUND: line 1:8: "
     "Unexpected parameters (varchar(11), Geometry) for function st_union. Expected: ..."),
    # sizes and depths that must end
    ("SELECT ST_Union(ST_Point(1e200, 0), ST_Point(1, 1))",
     "INVALID_FUNCTION_ARGUMENT: coordinates beyond 1e+100"),
    ("SELECT simplify_geometry(ST_LineFromText('LINESTRING (1e308 1, -1e308 5e-324, 1 1)'), 1)",
     "INVALID_FUNCTION_ARGUMENT: coordinates beyond 1e+100"),
    ("SELECT line_interpolate_points(ST_LineFromText('LINESTRING (0 0, 1 0)'), 1e-7, true)",
     "NOT_SUPPORTED: geometries of more than 200000 points, or collections 16 deep"),
    ("SELECT ST_GeometryFromText(array_join(repeat('GEOMETRYCOLLECTION (', 9999), '') || "
     "'POINT (1 1)')", "NOT_SUPPORTED: geometries of more than 200000 points, or collections "
     "16 deep"),
    ("SELECT ST_GeometryFromText('POINT ' || array_join(repeat('(', 9999), ''))",
     "INVALID_FUNCTION_ARGUMENT: Invalid WKT: POINT (((..."),
    # 2,000 lines across 2,000 others
    ("SELECT ST_Union(ST_GeometryFromText(a), ST_GeometryFromText(b)) FROM (SELECT 'MULTILINESTRING"
     " (' || array_join(transform(sequence(1, 2000), x -> format('(%d 0, %d 3000)', x, x)), ',') ||"
     " ')' a, 'MULTILINESTRING (' || array_join(transform(sequence(1, 2000), x -> format('(0 %d,"
     " 3000 %d)', x, x)), ',') || ')' b)",
     "NOT_SUPPORTED: geometries whose lines meet more than 50000 times"),
]

RELATIONS = [
    (MET, "bigint bigint bigint bigint bigint bigint", [["3380", "0", "0", "0", "0", "0"]]),
    (JOINED, "bigint", [["200"]]),
    ("SELECT geometry_union_agg(g), convex_hull_agg(g), geometry_union_agg(g) FILTER (WHERE false)"
     " FROM (VALUES ST_Point(1, 1), ST_Point(4, 1), NULL, ST_Point(1, 4), ST_Point(2, 2)) t(g)",
     "geometry geometry geometry", [["MULTIPOINT ((1 1), (1 4), (2 2), (4 1))",
                                     "POLYGON ((1 1, 1 4, 4 1, 1 1))", None]]),
    ("SELECT k, geometry_union_agg(g) FROM (VALUES (1, ST_Point(1, 1)), (2, ST_Point(4, 1)), "
     "(1, ST_Point(3, 3)), (3, NULL)) t(k, g) GROUP BY k ORDER BY k", "integer geometry",
     [["1", "MULTIPOINT ((1 1), (3 3))"], ["2", "POINT (4 1)"], ["3", None]]),
    # more than fit at once
    ("SELECT convex_hull_agg(ST_Point(x % 997, y)), ST_NumPoints(geometry_union_agg("
     "ST_Point(x % 5, y))) FROM UNNEST(sequence(1, 5000)) t(x), UNNEST(sequence(1, 50)) u(y)",
     "geometry bigint", [["POLYGON ((0 1, 0 50, 996 50, 996 1, 0 1))", "250"]]),
    ("SELECT geometry_union_agg(DISTINCT ST_Point(x, 1)) FROM (VALUES 1, 2, 2) t(x)", "geometry",
     [["MULTIPOINT ((1 1), (2 1))"]]),
]
