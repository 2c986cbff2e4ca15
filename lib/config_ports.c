/* SPDX-License-Identifier: MIT
 *
 * config_ports - the UDP ports of all services, which a pool has to know of although it knows no
 * service but its own: what comes from there is another service's answer, and is not answered.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

static void add(struct config *config, in_port_t port)
{
    size_t size = (config->udp_port_count + 1) * sizeof *config->udp_ports;
    for (size_t i = 0; i < config->udp_port_count; i++)
        if (config->udp_ports[i] == port)
            return;
    config->udp_ports = memory_resize(config->udp_ports, size);
    config->udp_ports[config->udp_port_count++] = port;
}

static void add_address(struct config *config, const struct address *address)
{
    const union socket_address *bound = &address->socket;
    bool inet = bound->any.sa_family == AF_INET || bound->any.sa_family == AF_INET6;
    if (inet && address->type == SOCK_DGRAM && bound->in.sin_port != 0)
        add(config, ntohs(bound->in.sin_port)); /* IPv6 has it at the same place */
}

void config_ports_gather(struct config *config)
{
    for (size_t s = 0; s < config->service_count; s++)
        for (size_t i = 0; i < config->services[s].listen_count; i++)
            for (int k = 0; k < config->services[s].listens[i].count; k++)
                add_address(config, &config->services[s].listens[i].found[k]);
}

void config_ports_read(struct config *config, const config_setting_t *ports)
{
    for (int i = 0; i < config_setting_length(ports); i++)
        add(config, (in_port_t)config_setting_get_int_elem(ports, i));
}

void config_ports_print(struct buffer *out, const struct config *config)
{
    if (config->udp_port_count == 0)
        return;
    buffer_printf(out, CONFIG_PORTS_KEY " = [ ");
    for (size_t i = 0; i < config->udp_port_count; i++)
        buffer_printf(out, "%s%u", i > 0 ? ", " : "", (unsigned)config->udp_ports[i]);
    buffer_printf(out, " ];\n");
}
