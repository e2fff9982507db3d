/* Asks a server everything that libmodbus's client can ask; one line an answer, "name: values" or "name: error". */

#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_registers(const char *name, int count, const uint16_t *values)
{
    printf("%s:", name);
    for (int at = 0; at < count; at++)
        printf(" %u", values[at]);
    printf(count < 0 ? " %s\n" : "\n", modbus_strerror(errno));
}

static void say_bits(const char *name, int count, const uint8_t *values)
{
    printf("%s:", name);
    for (int at = 0; at < count; at++)
        printf(" %u", values[at]);
    printf(count < 0 ? " %s\n" : "\n", modbus_strerror(errno));
}

static void say_done(const char *name, int done)
{
    if (done < 0)
        printf("%s: %s\n", name, modbus_strerror(errno));
    else
        printf("%s: %d\n", name, done);
}

static void ask_all(modbus_t *client)
{
    uint8_t bits[16] = {0}, on[3] = {1, 0, 1};
    uint16_t registers[16] = {0}, written[2] = {4711, 4712};

    say_done("write_bit", modbus_write_bit(client, 10, 1));
    say_done("write_bits", modbus_write_bits(client, 20, 3, on));
    say_bits("read_bits", modbus_read_bits(client, 20, 3, bits), bits);
    say_bits("read_input_bits", modbus_read_input_bits(client, 3, 4, bits), bits);
    say_done("write_register", modbus_write_register(client, 30, 0x1234));
    say_done("mask_write_register", modbus_mask_write_register(client, 30, 0x00FF, 0x5600));
    say_registers("read_registers", modbus_read_registers(client, 30, 1, registers), registers);
    say_done("write_registers", modbus_write_registers(client, 40, 2, written));
    say_registers("read_input_registers", modbus_read_input_registers(client, 5, 2, registers), registers);
    say_registers("write_and_read_registers",
                  modbus_write_and_read_registers(client, 50, 2, written, 40, 2, registers), registers);
    say_done("report_slave_id", modbus_report_slave_id(client, sizeof bits, bits) > 0);
    say_done("denied_write", modbus_write_register(client, 200, 1));
    say_registers("denied_read", modbus_read_registers(client, 200, 1, registers), registers);
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    modbus_t *client = modbus_new_tcp(arguments[1], atoi(arguments[2]));
    if (client == NULL || modbus_set_slave(client, 1) < 0 || modbus_connect(client) < 0) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 3;
    }
    ask_all(client);
    modbus_close(client);
    modbus_free(client);
    return 0;
}
