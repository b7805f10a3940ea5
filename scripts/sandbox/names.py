"""Words that the sandbox makes Argentine people, places and products of. All invented combinations."""

from typing import NamedTuple


class Place(NamedTuple):
    city: str
    state: str
    postal_code: str
    area_code: str
    longitude: float
    latitude: float
    neighborhoods: tuple[str, ...]


PLACES = (
    Place("Ciudad Autónoma de Buenos Aires", "Ciudad Autónoma de Buenos Aires", "C1425", "11", -58.41, -34.58,
          ("Palermo", "Caballito", "Belgrano", "Almagro", "Villa Crespo", "Recoleta")),
    Place("La Plata", "Buenos Aires", "B1900", "221", -57.95, -34.92, ("Tolosa", "City Bell", "Gonnet")),
    Place("Mar del Plata", "Buenos Aires", "B7600", "223", -57.55, -38.0, ("Los Troncos", "La Perla")),
    Place("Córdoba", "Córdoba", "X5000", "351", -64.18, -31.42, ("Nueva Córdoba", "Alberdi", "General Paz")),
    Place("Rosario", "Santa Fe", "S2000", "341", -60.64, -32.95, ("Pichincha", "Fisherton", "Echesortu")),
    Place("Mendoza", "Mendoza", "M5500", "261", -68.84, -32.89, ("Quinta Sección", "Dorrego")),
    Place("San Miguel de Tucumán", "Tucumán", "T4000", "381", -65.2, -26.83, ("Barrio Norte", "Yerba Buena")),
    Place("Salta", "Salta", "A4400", "387", -65.41, -24.79, ("Tres Cerritos", "Grand Bourg")),
    Place("Neuquén", "Neuquén", "Q8300", "299", -68.06, -38.95, ("Área Centro", "Santa Genoveva")),
    Place("Bahía Blanca", "Buenos Aires", "B8000", "291", -62.27, -38.72, ("Patagonia", "Universitario")),
    Place("San Carlos de Bariloche", "Río Negro", "R8400", "294", -71.31, -41.13, ("Melipal", "Ñireco")),
    Place("Posadas", "Misiones", "N3300", "376", -55.9, -27.37, ("Villa Sarita", "Itaembé Miní")),
)  # fmt: skip

FIRST_NAMES = (
    "María", "Sofía", "Valentina", "Martina", "Lucía", "Camila", "Florencia", "Agustina", "Julieta", "Rocío",
    "Micaela", "Belén", "Carolina", "Natalia", "Silvina", "Graciela", "Juan", "Santiago", "Mateo", "Joaquín",
    "Benjamín", "Facundo", "Nicolás", "Tomás", "Ignacio", "Matías", "Gonzalo", "Ezequiel", "Hernán", "Sergio",
    "Raúl", "Ángel", "Iván", "Lautaro", "Bautista", "Malena", "Abril", "Pilar", "Zoe", "Íñigo",
)  # fmt: skip

LAST_NAMES = (
    "González", "Rodríguez", "Gómez", "Fernández", "López", "Díaz", "Martínez", "Pérez", "Romero", "Sánchez",
    "García", "Sosa", "Benítez", "Ramírez", "Torres", "Ruiz", "Flores", "Acosta", "Medina", "Herrera",
    "Aguirre", "Giménez", "Molina", "Silva", "Castro", "Rojas", "Núñez", "Luna", "Juárez", "Peralta",
    "Ibáñez", "Bianchi", "Ferrari", "Quiroga", "Etcheverry", "Müller", "Kowalczyk", "D'Amico", "Peña", "Ñancupil",
)  # fmt: skip

STREETS = (
    "Av. Corrientes", "Av. Rivadavia", "Av. Cabildo", "Av. San Martín", "Belgrano", "9 de Julio", "Mitre", "Moreno",
    "Sarmiento", "Urquiza", "Güemes", "Lavalle", "Alvear", "Pellegrini", "Santa Fe", "Entre Ríos", "Chacabuco",
    "Av. Colón", "Bv. Oroño", "Independencia", "25 de Mayo", "Hipólito Yrigoyen", "Juan B. Justo", "Diagonal 74",
)  # fmt: skip

MAIL_HOSTS = ("correo.example.com", "mail.example.net", "example.org", "casa.example.com")

COMPANIES = ("Distribuidora del Sur", "Ferretería El Puente", "Textiles Andinos", "Kiosco La Esquina", "Estudio Norte")

PRODUCTS = (
    ("Zapatillas running Pampa", "Calzado", 8_999_900),
    ("Botín fútbol césped", "Calzado", 7_499_000),
    ("Campera impermeable Aconcagua", "Indumentaria", 14_599_900),
    ("Remera dry-fit Litoral", "Indumentaria", 2_199_900),
    ("Jean recto Boedo", "Indumentaria", 4_899_900),
    ("Buzo friza Cuyo", "Indumentaria", 5_299_900),
    ("Pelota N.º 5 Clásico", "Deportes", 3_150_000),
    ("Bicicleta rodado 29 Quebrada", "Deportes", 52_999_900),
    ("Carpa 4 personas Nahuel", "Deportes", 21_499_900),
    ("Muñeca Luz de Luna", "Juguetes", 1_899_900),
    ("Bloques para armar 500 piezas", "Juguetes", 2_749_900),
    ("Juego de mesa Subte", "Juguetes", 1_599_900),
    ("Pista de autos Turismo", "Juguetes", 3_899_900),
    ("Mochila escolar Ceibo", "Accesorios", 3_299_900),
    ("Mate de acero Yerbal", "Hogar", 1_250_000),
    ("Termo 1 litro Ruta 40", "Hogar", 4_150_000),
    ("Smart TV 55 pulgadas Estrella", "Tecnología", 79_999_900),
    ("Auriculares inalámbricos Eco", "Tecnología", 4_599_900),
)

SIZES = ("S", "M", "L", "XL", "36", "38", "40", "42", "Único")
COUPONS = ("HOTSALE", "BIENVENIDA10", "CYBER15")
CAMPAIGNS = (
    ("google", "cpc", "hot-sale"), ("facebook", "paid_social", "remarketing-carrito"),
    ("instagram", "story", "lanzamiento-invierno"), ("newsletter", "email", "novedades-semana"),
    ("mercadolibre", "referral", "tienda-oficial"),
)  # fmt: skip
PAYMENTS = (
    ("2", "Visa", "creditCard"), ("4", "Mastercard", "creditCard"), ("1", "American Express", "creditCard"),
    ("47", "Naranja", "creditCard"), ("82", "Visa Electron", "debitCard"), ("201", "MercadoPagoV1", "promissory"),
    ("45", "Pago Fácil", "bankInvoice"),
)  # fmt: skip
CANCEL_REASONS = (
    "El cliente pidió cancelar", "Sin stock", "Pago rechazado por la entidad", "Dirección fuera de la zona de envío",
)  # fmt: skip
