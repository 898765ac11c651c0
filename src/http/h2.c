/* HTTP/2: not yet; such connections are closed. */
#include "http/internal.h"

void http_h2_start(struct http_conn *conn)
{
    http_conn_set_state(conn, HTTP_CONN_H2);
    http_conn_close(conn);
}
size_t http_h2_input(struct http_conn *conn, const char *data, size_t len)
{
    (void)conn, (void)data;
    return len;
}
bool http_h2_fill(struct http_conn *conn)
{
    (void)conn;
    return false;
}
bool http_h2_is_done(const struct http_conn *conn)
{
    (void)conn;
    return true;
}
void http_h2_drain(struct http_conn *conn)
{
    (void)conn;
}
int http_h2_patience_ms(const struct http_conn *conn)
{
    (void)conn;
    return 0;
}
void http_h2_on_deadline(struct http_conn *conn)
{
    (void)conn;
}
void http_h2_reply(struct http_exchange_private *exchange)
{
    (void)exchange;
}
void http_h2_stream_moved(struct http_exchange_private *exchange)
{
    (void)exchange;
}
void http_h2_free(struct http_conn *conn)
{
    (void)conn;
}
